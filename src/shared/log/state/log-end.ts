/**
 * A message that the log is known to have held: its sequence, and the time at which the broker stored it (milliseconds since 1970, with their fraction).
 * `at` is missing where only the number was remembered.
 */
export type Anchor = { seq: number; at?: number };

/** What the log says about an anchor now. */
export type Probe = {
  anchor: Anchor;
  /** When the message that has the anchor's number now was stored. Undefined if there is none. */
  there: number | undefined;
  /** Number of the first message that was stored later than the anchor. Undefined if there is none, or if it was not requested. */
  next: number | undefined;
};

/** Does the log still have the end that is remembered? */
export type LogEnd =
  | { kind: "whole" }
  /** Messages above `kept` were lost, at least up to `highest`. Messages that have these numbers now are other ones. */
  | { kind: "shortened"; kept: number; highest: number };

/** Two readings of the same time-stamp differ by less than this; time-stamps of two different messages with one number differ by far more. Milliseconds. */
const SAME_MS = 0.01;

/**
 * Compares what is remembered with the log (ADR 0013). A log that lost its end uses the lost numbers again, so its last sequence alone proves nothing: a
 * gateway may have written new events before anything looked. The times at which the broker stored them tell old events from new ones. Pure.
 */
export function judgeEnd(lastSeq: number, probes: readonly Probe[]): LogEnd {
  const bounds = probes.map((probe) => boundOf(lastSeq, probe)).filter((bound) => bound !== undefined);
  if (bounds.length === 0) return { kind: "whole" };
  const highest = Math.max(...probes.map(({ anchor }) => anchor.seq));
  return { kind: "shortened", kept: Math.max(0, Math.min(...bounds)), highest };
}

/** The last message that can be an old one, if the anchor's message is gone. Undefined if there is no sign that it is. */
function boundOf(lastSeq: number, { anchor, there, next }: Probe): number | undefined {
  const before = next === undefined ? Infinity : next - 1;
  if (anchor.seq > lastSeq) return Math.min(lastSeq, before);
  if (anchor.at === undefined) return undefined;
  // it may have been deleted or pruned: only a later message with a lower number is a sign of a loss
  if (there === undefined) return before < anchor.seq ? before : undefined;
  return Math.abs(there - anchor.at) > SAME_MS ? Math.min(anchor.seq - 1, before) : undefined;
}

/** A broker's time-stamp, which has nanoseconds, in milliseconds. NaN for a text that is no time. */
export function stampMs(text: string): number {
  const [, seconds, fraction = "0"] = /^(.*:\d\d)(?:\.(\d+))?Z$/.exec(text) ?? [];
  if (seconds === undefined || text.startsWith("0001-")) return Number.NaN;
  return Date.parse(`${seconds}Z`) + Number(`0.${fraction}`) * 1000;
}
