import type { LogMessage } from "./log.ts";
import type { Fate } from "./wave.ts";
import type { SessionNumber, Write } from "./write.ts";

/** A write that could not be stored for this long is given up: executors hang up after 5 s, unless they say that they wait for longer. */
export const GIVE_UP_MS = 4000;
/** Longest wait for one answer of the broker. */
const PUBLISH_TIMEOUT_MS = 3000;
/** Shortest, when little is left until the writes are given up. */
const MIN_TIMEOUT_MS = 1000;

/** A write on its way through the committer. */
export type Entry = {
  readonly write: Write;
  readonly session: string;
  readonly keyed: boolean;
  /** Monotonic time at which it is given up. */
  readonly deadline: number;
  numbered: { number: SessionNumber; message: LogMessage } | undefined;
  /** Number under which it may be stored already, from a try whose outcome is unknown. */
  uncertain: SessionNumber | undefined;
  settled: boolean;
};

/** A write that was not tried yet. */
export function entryOf(write: Write, deadline: number): Entry {
  const { session, keyed } = write;
  return { write, session, keyed, deadline, numbered: undefined, uncertain: undefined, settled: false };
}

/** When the next of these is given up. A deadline that has passed is that of a write that stays behind an older one of its session. Pure. */
export function nextDeadline(entries: Iterable<Entry>, now: number): number {
  let next = Infinity;
  for (const { deadline } of entries) if (deadline > now && deadline < next) next = deadline;
  return next;
}

/** How long the broker may take to answer a try of these, milliseconds. Pure. */
export function timeoutFor(entries: Iterable<Entry>, now: number): number {
  return Math.min(PUBLISH_TIMEOUT_MS, Math.max(MIN_TIMEOUT_MS, nextDeadline(entries, now) - now));
}

/**
 * A duplicate of a message that only a stranger can have stored: the id is new, and this was its first try. Ids with a key need the gateway's
 * secret, so that what lies there under one is an earlier process's. Pure.
 */
export function isForeign({ keyed, uncertain }: Entry): boolean {
  return !keyed && uncertain === undefined;
}

/**
 * A duplicate was stored by an earlier try of ours under the number of that try, unless numbers changed between tries; or by an earlier
 * process, under a number that only the log knows. Pure.
 */
export function numberOfDuplicate({ keyed, uncertain, numbered }: Entry): SessionNumber | undefined {
  return keyed || uncertain !== numbered?.number ? undefined : uncertain;
}

/** Did it leave its number unused? It was refused or overtaken, or is a duplicate of what was stored under another number. Pure. */
export function leavesGap(entry: Entry, fate: Fate | undefined): boolean {
  return fate?.kind !== "stored" || (fate.duplicate && numberOfDuplicate(entry) === undefined);
}
