import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../shared/base/clock.ts";
import { repeatedly } from "../../shared/session-log/follow/repeatedly.ts";
import { readKey, writeKey } from "../../shared/session-log/state/bucket.ts";
import { keyOf } from "../../shared/session-log/state/keys.ts";

/** Tells other workers that the roots of this one are served, and hears which ones are not. */
export type Presence = {
  /** True if no worker that has this root was heard for a minute. */
  silent(root: string): Promise<boolean>;
  stop(): void;
};

const EVERY_MS = 10_000;
/** The broker forgets a worker after this time without a word. */
const KEPT_SECONDS = 45;
/** For this long it must have been forgotten: after a broker's restart, workers need a moment to speak again. 45 + 15 = 60 s. */
const MISSING_MS = 15_000;

export function createPresence(
  deps: { nc: NatsConnection; jsm: JetStreamManager; clock: Clock; signal: AbortSignal },
  of: { worker: string; roots: readonly string[] },
): Presence {
  const { nc, jsm, clock, signal } = deps;
  const value = new TextEncoder().encode(JSON.stringify({ worker: of.worker }));
  /** Since when each root that was asked for has nobody. */
  const missing = new Map<string, number>();

  async function speak(): Promise<void> {
    const said = of.roots.map((root) =>
      writeKey(nc, { key: keyOf.root(root), value, ttlSeconds: KEPT_SECONDS }),
    );
    await Promise.allSettled(said); // a broker that is away hears it the next time
  }

  const stop = repeatedly(speak, { pauseMs: EVERY_MS, clock, signal });
  return {
    async silent(root) {
      const key = await readKey(jsm, keyOf.root(root)).catch((error: unknown) => {
        missing.delete(root);
        throw error;
      });
      if (key?.value !== undefined) {
        missing.delete(root);
        return false;
      }
      const since = missing.get(root) ?? clock.now();
      missing.set(root, since);
      return clock.now() - since >= MISSING_MS;
    },
    stop,
  };
}
