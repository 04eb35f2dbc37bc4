import { SHARDS, shardOf } from "../../shared/log/schema/partition.ts";
import type { RelayState } from "../../shared/messages/relay-state.ts";

/** Sessions counted per shard while no relay reports: 8 × 12,500 = 100,000, about 15 MB at the most. */
const MAX_SESSIONS_PER_SHARD = 12_500;

type Amount = { events: number; bytes: number };
type Counted = { since: Map<string, Amount>; reported: Map<string, Amount> };

/** How much of each session waits: what the relay reported last, plus what was accepted here since then. It is an estimate on purpose. */
export type BacklogLimits = {
  /** False if the session has reached its limit. */
  admits(session: string, shard: number): boolean;
  /** Counts a stored event. */
  stored(session: string, shard: number, bytes: number): void;
  /** Takes in what a relay reports about the shards that it owns. */
  reported(state: RelayState): void;
};

/**
 * Keeps one runaway session from filling the log for all (429). `onHalf` is called when a session passes half of its limit, because executors
 * do not retry: an operator must know before the first refusal.
 */
export function createBacklogLimits(options: {
  maxEvents: number;
  maxBytes: number;
  onHalf: (session: string, amount: Amount) => void;
}): BacklogLimits {
  const { maxEvents, maxBytes, onHalf } = options;
  const shards: Counted[] = Array.from({ length: SHARDS }, () => ({ since: new Map(), reported: new Map() }));
  const alarmed = new Set<string>();

  const amountOf = (session: string, shard: number): Amount => amountIn(shards[shard], session);

  function alarm(session: string, shard: number): void {
    const amount = amountOf(session, shard);
    if (amount.events * 2 < maxEvents && amount.bytes * 2 < maxBytes) return;
    if (alarmed.has(session)) return;
    alarmed.add(session);
    onHalf(session, amount);
  }

  return {
    admits(session, shard) {
      const { events, bytes } = amountOf(session, shard);
      return events < maxEvents && bytes < maxBytes;
    },
    stored(session, shard, bytes) {
      const since = shards[shard]?.since;
      if (since === undefined) return;
      const amount = since.get(session);
      if (amount === undefined) {
        if (since.size >= MAX_SESSIONS_PER_SHARD) forgetFirst(since);
        since.set(session, { events: 1, bytes });
      } else {
        amount.events++;
        amount.bytes += bytes;
      }
      alarm(session, shard);
    },
    reported(state) {
      // A list that was cut says nothing about sessions that are not on it, as long as nothing is sent. While events are sent, such a session has little waiting,
      // because the longest are named first; counting on would some day refuse a session that flows. A shard that was not read to its end says nothing.
      if (state.overflow && state.coordinator.state !== "up") return;
      const current = new Set(state.shards.filter(({ behind }) => !behind).map(({ shard }) => shard));
      for (const shard of current) {
        const counted = shards[shard];
        if (counted === undefined) continue;
        counted.since.clear();
        counted.reported.clear();
      }
      for (const { session, events, bytes } of state.backlog) {
        const shard = shardOf(session);
        if (current.has(shard)) shards[shard]?.reported.set(session, { events, bytes });
      }
      for (const session of alarmed) {
        const { events, bytes } = amountOf(session, shardOf(session));
        if (events * 2 < maxEvents && bytes * 2 < maxBytes) alarmed.delete(session);
      }
    },
  };
}

function amountIn(counted: Counted | undefined, session: string): Amount {
  const since = counted?.since.get(session);
  const reported = counted?.reported.get(session);
  return {
    events: (since?.events ?? 0) + (reported?.events ?? 0),
    bytes: (since?.bytes ?? 0) + (reported?.bytes ?? 0),
  };
}

function forgetFirst(map: Map<string, Amount>): void {
  for (const key of map.keys()) {
    map.delete(key);
    return;
  }
}
