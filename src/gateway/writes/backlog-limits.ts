import { shardNumbers, shardOf } from "../../shared/log/schema/partition.ts";
import type { RelayState } from "../../shared/messages/relay-state.ts";
import type { Amount, SessionWord } from "../../shared/messages/session-amounts.ts";
import { ShardCounts } from "./shard-counts.ts";

/** Sessions counted while no relay reports: about 15 MB at the most. */
const MAX_SESSIONS = 100_000;

const NOTHING: Amount = { events: 0, bytes: 0 };

/** Limits of one question: at most `most` sessions, `again` of them without new events. `known`: also those that were written to and are known to wait. */
export type DueLimits = { most: number; again: number; known: boolean };

/** How much of each session waits: what its relay told last, plus what was accepted here since then. It is an estimate on purpose. */
export type BacklogLimits = {
  /** False if the session has reached its limit. */
  admits(session: string, shard: number): boolean;
  /** How much waits of all sessions that were written to here. */
  total(): Amount;
  /** Did a relay tell that the session has a backlog? */
  waits(session: string, shard: number): boolean;
  /** Counts a stored event. */
  stored(session: string, shard: number, bytes: number): void;
  /** Takes in what a relay's whole state reports about the shards that it owns. */
  reported(state: RelayState): void;
  /** Nothing waits in these shards. */
  empty(shards: readonly number[]): void;
  /**
   * The sessions of these shards to ask their relay about: those that were written to, and some that are known to wait. {@link BacklogLimits.told} must follow
   * for each.
   */
  due(shards: readonly number[], limits: DueLimits): readonly string[];
  /** A relay's word on a session it was asked about. */
  told(session: string, word: SessionWord): void;
};

/**
 * Keeps one runaway session from filling the log for all (429). `onHalf` is called when a session passes half of its limit, because executors
 * do not retry: an operator must know before the first refusal.
 */
export function createBacklogLimits(options: {
  /** Shards of the log. */
  shardCount: number;
  maxEvents: number;
  maxBytes: number;
  onHalf: (session: string, amount: Amount) => void;
}): BacklogLimits {
  const { shardCount, maxEvents, maxBytes, onHalf } = options;
  const shards = shardNumbers(shardCount).map(() => new ShardCounts(Math.ceil(MAX_SESSIONS / shardCount)));
  const alarmed = new Set<string>();

  const amountOf = (session: string, shard: number): Amount | undefined => shards[shard]?.amountOf(session);
  const isHalf = ({ events, bytes }: Amount): boolean => events * 2 >= maxEvents || bytes * 2 >= maxBytes;

  function alarm(session: string, shard: number): void {
    const amount = amountOf(session, shard);
    if (amount === undefined || !isHalf(amount) || alarmed.has(session)) return;
    alarmed.add(session);
    onHalf(session, amount);
  }

  /** Sessions that are below half again may be alarmed about again. */
  function forgive(): void {
    for (const session of alarmed) {
      const amount = amountOf(session, shardOf(session, shardCount));
      if (amount === undefined || !isHalf(amount)) alarmed.delete(session);
    }
  }

  return {
    admits(session, shard) {
      const { events, bytes } = amountOf(session, shard) ?? NOTHING;
      return events < maxEvents && bytes < maxBytes;
    },
    total: () => sumOf(shards.map((counts) => counts.total())),
    waits: (session, shard) => shards[shard]?.waits(session) ?? false,
    stored(session, shard, bytes) {
      shards[shard]?.stored(session, bytes);
      alarm(session, shard);
    },
    reported(state) {
      takeWhole(shards, state);
      forgive();
    },
    empty(those) {
      for (const shard of those) shards[shard]?.clear();
      forgive();
    },
    due: (those, limits) =>
      takeDue(
        those.flatMap((shard) => shards[shard] ?? []),
        limits,
      ),
    told(session, word) {
      shards[shardOf(session, shardCount)]?.told(session, word);
      forgive();
    },
  };
}

function sumOf(amounts: readonly Amount[]): Amount {
  return {
    events: amounts.reduce((sum, { events }) => sum + events, 0),
    bytes: amounts.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

/** Takes in a whole state. */
function takeWhole(shards: readonly ShardCounts[], state: RelayState): void {
  // A list that was cut says nothing about sessions that are not on it, as long as nothing is sent. While events are sent, such a session has little waiting,
  // because the longest are named first; counting on would some day refuse a session that flows. A shard that was not read to its end says nothing.
  if (state.overflow && state.coordinator.state !== "up") return;
  const current = new Set(state.shards.filter(({ behind }) => !behind).map(({ shard }) => shard));
  for (const shard of current) shards[shard]?.clear();
  for (const { session, events, bytes } of state.backlog) {
    const shard = shardOf(session, shards.length);
    if (current.has(shard)) shards[shard]?.report(session, { events, bytes });
  }
}

/** The sessions for one question, which count as asked about from now on. */
function takeDue(counts: readonly ShardCounts[], { most, again, known }: DueLimits): readonly string[] {
  const due = new Set<string>();
  const take = (sessions: Iterable<string>, upTo: number): void => {
    for (const session of sessions) {
      if (due.size >= upTo) return;
      due.add(session);
    }
  };
  for (const each of counts) take(each.written(known), most - again);
  const upTo = due.size + again;
  for (const each of counts) take(each.waiting(), upTo);
  for (const each of counts) for (const session of due) each.ask(session);
  return [...due];
}
