import type { StreamInfo } from "@nats-io/jetstream";
import { shardOf } from "../../shared/log/schema/partition.ts";
import { MOST_HELD } from "../../shared/log/state/checkpoint.ts";
import { MOST_SESSIONS } from "../../shared/log/state/damage.ts";
import { missingIn } from "../../shared/log/state/log-check.ts";
import { stampMs } from "../../shared/log/state/log-end.ts";
import type { LogMark } from "../../shared/log/state/log-mark.ts";
import { shapeOf } from "../../shared/log/state/note-damage.ts";
import { countOf, startingAt } from "../../shared/log/state/ranges.ts";

/** Sessions whose events wait at this relay, and the shards that it serves, because it knows about those only. */
export type WaitingHere = {
  sessions: [session: string, events: number][];
  shards: ReadonlySet<number>;
  held: NonNullable<LogMark["held"]>;
};

/** Does the log have less than the mark says? Then messages disappeared while the connection lasted. Pure. */
export function isLessThan(log: StreamInfo, known: LogMark): boolean {
  const { first_seq: first, last_seq: last } = log.state;
  return (
    last < known.seq ||
    countOf(startingAt(known.holes ?? [], first)) !== missingIn(log) ||
    first > (known.first ?? first)
  );
}

/** The next mark; undefined if nothing in it changes. Pure. */
export function nextMark(
  known: LogMark,
  { log, dead, removed }: { log: StreamInfo; dead: StreamInfo; removed: number },
  { sessions, shards, held }: WaitingHere,
  shardCount: number,
): LogMark | undefined {
  const at = stampMs(log.state.last_ts);
  const seq = Math.max(log.state.last_seq, known.seq);
  const elsewhere = ([session]: [string, ...unknown[]]): boolean => !shards.has(shardOf(session, shardCount));
  const others = (known.waiting ?? []).filter(elsewhere);
  const waiting = [...sessions, ...others].sort(([, a], [, b]) => b - a).slice(0, MOST_SESSIONS);
  const missing = startingAt(known.holes ?? [], log.state.first_seq);
  const next: LogMark = {
    ...known,
    seq,
    at: seq === known.seq || Number.isNaN(at) ? known.at : at,
    highest: Math.max(seq, known.highest),
    ...shapeOf({ log, dead, missing, removed }),
    waiting,
    held: [...held, ...(known.held ?? []).filter(elsewhere)].slice(0, MOST_HELD),
  };
  return JSON.stringify(next) === JSON.stringify(known) ? undefined : next;
}
