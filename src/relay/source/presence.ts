import type { Msg, NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../shared/base/clock.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { PRESENCE_SUBJECT } from "../../shared/log/schema/subjects.ts";
import { PRIORITY_TIMEOUT_MS } from "../../shared/log/schema/topology.ts";
import type { Shard } from "./shard.ts";

const BEAT_MS = 500;
/** Four beats missed. */
const DEAD_MS = 2000;
/** What a relay says that publishes briefs (ADR 0059). Relays of before say something else. */
const HERE = "here, with briefs";
/** A relay that handed a shard over comes back as its stand-by after the pin could have settled. */
const RETURN_MS: number = PRIORITY_TIMEOUT_MS + 500;

/** The relay that should serve a shard: the sorted relays take turns. Safety does not depend on it, because the broker's pin decides. Pure. */
export function preferredOwner(relays: readonly string[], shard: number): string | undefined {
  const sorted = [...relays].sort();
  return sorted[shard % sorted.length];
}

/** Balances shards over relays: each one says that it is there, and hands over shards that another one should serve. */
export function createPresence(deps: {
  nc: NatsConnection;
  clock: Clock;
  log: Logger;
  relay: string;
  shards: readonly Shard[];
}): {
  start(): void;
  /** Does another relay run that publishes no briefs? */
  wholeOnly: () => boolean;
  /** Hands every shard over. */
  stop(): Promise<void>;
} {
  const { nc, clock, log, relay, shards } = deps;
  const seen = new Map<string, { at: number; briefs: boolean }>();
  let stopped = false;

  async function handOver(shard: Shard, to: string): Promise<void> {
    log.info({ shard: shard.shard, to }, "handed over a shard");
    await shard.stop(true);
    clock.after(RETURN_MS, () => {
      if (!stopped) shard.start();
    });
  }

  function balance(): void {
    if (stopped) return;
    const now = clock.now();
    for (const [other, { at }] of seen) if (now - at > DEAD_MS) seen.delete(other);
    for (const shard of shards) {
      const owner = preferredOwner([relay, ...seen.keys()], shard.shard);
      if (owner !== relay && shard.status().phase === "active") void handOver(shard, owner ?? "");
    }
  }

  const subscription = nc.subscribe(`${PRESENCE_SUBJECT}.*`, {
    callback(error: Error | null, msg: Msg) {
      if (error !== null) return;
      const other = msg.subject.slice(PRESENCE_SUBJECT.length + 1);
      if (other === relay) return;
      if (msg.string() === "bye") seen.delete(other);
      else seen.set(other, { at: clock.now(), briefs: msg.string() === HERE });
      balance();
    },
  });

  function beat(): void {
    if (stopped || nc.isClosed()) return;
    nc.publish(`${PRESENCE_SUBJECT}.${relay}`, HERE);
    balance();
    clock.after(BEAT_MS, beat);
  }

  return {
    start() {
      for (const shard of shards) shard.start();
      beat();
    },
    wholeOnly: () => [...seen.values()].some(({ briefs }) => !briefs),
    async stop() {
      stopped = true;
      await Promise.all(shards.map((shard) => shard.stop(true)));
      subscription.unsubscribe();
      if (!nc.isClosed()) nc.publish(`${PRESENCE_SUBJECT}.${relay}`, "bye");
    },
  };
}
