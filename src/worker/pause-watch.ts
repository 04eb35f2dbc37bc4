import type { JetStreamManager } from "@nats-io/jetstream";
import type { Clock } from "../shared/base/clock.ts";
import { repeatedly } from "../shared/session-log/follow/repeatedly.ts";
import { readKey } from "../shared/session-log/state/bucket.ts";
import { keyOf } from "../shared/session-log/state/keys.ts";

/** What a worker knows of an operator's pause of turns. */
export type PauseWatch = {
  /** Resolves when it is known, or when the watch ends: nothing begins before that. */
  known: Promise<void>;
  paused(): boolean;
};

/** How often it is looked at. A turn may still begin for this long. */
const LOOK_MS = 1000;

/** Watches the pause until `signal`. While the broker does not answer, it stays as it was. `resumed` is called when it ends. */
export function watchPause(
  { jsm, clock, signal }: { jsm: JetStreamManager; clock: Clock; signal: AbortSignal },
  resumed: () => void,
): PauseWatch {
  const known = Promise.withResolvers<void>();
  let paused = false;

  async function look(): Promise<void> {
    try {
      const before = paused;
      paused = (await readKey(jsm, keyOf.paused))?.value !== undefined;
      known.resolve();
      if (before && !paused) resumed();
    } catch {
      // asked again the next time
    }
  }

  signal.addEventListener("abort", () => known.resolve(), { once: true });
  repeatedly(look, { pauseMs: LOOK_MS, clock, signal });
  return { known: known.promise, paused: () => paused };
}
