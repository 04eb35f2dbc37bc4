import type { HeldRecord } from "../../../shared/log/state/held.ts";
import type { Death } from "../../coordinator/dead-letters.ts";
import type { Shard } from "../../source/shard.ts";
import type { Source } from "../../source/source.ts";
import type { Entry } from "../lane.ts";
import type { Stored } from "../stored.ts";

/** Between two tries of what the broker did not answer, or had nothing new for. */
export const RETRY_MS = 500;

/**
 * The source of events that are read from the log. They are settled in the shard's memory too: an event that the consumer delivers later must not be
 * taken for a new one after the session has joined the live stream.
 */
export function logSource(shard: Pick<Shard, "mayForward" | "verify" | "settled">): Source {
  return {
    mayForward: () => shard.mayForward(),
    verify: () => shard.verify(),
    settle: ({ seq }) => shard.settled.settle(seq),
  };
}

/** An event of a held session, as a lane takes it. */
export function entryOf({ seq, envelope, data, death }: Stored, source: Source): Entry {
  const bytes = data.length;
  return {
    seq,
    deliverySeq: 0,
    source,
    bytes,
    envelope,
    data,
    death,
    stale: false,
    waiting: false,
    arrivedAt: -Infinity,
  };
}

/** The reason of the held session and the coordinator's refusal go into the dead letter, because they say what was wrong with the event, and who knows it. */
export function skipped({ text, refusal }: HeldRecord): Death {
  const why = text === "" ? "" : `: ${text}`;
  return { attempts: 0, ...refusal, reason: `skipped by an operator${why}`, decided: true };
}
