/**
 * A message that the log is known to have held: its sequence, and when the broker stored it (milliseconds since 1970, with their fraction). `at` is missing
 * where only the number was remembered.
 */
export type Anchor = { seq: number; at?: number };

/** What the log says about an anchor now. */
export type Probe = {
  anchor: Anchor;
  /** When the message was stored that has the anchor's number now; undefined if there is none. */
  there: number | undefined;
  /** Number of the first message that was stored later than the anchor; undefined if there is none, or nobody asked. */
  next: number | undefined;
};

/** Whether the log still has the end that is remembered. */
export type LogEnd =
  | { kind: "whole" }
  /** Messages above `kept` were lost, up to `highest` at least; those that have these numbers now are others. */
  | { kind: "shortened"; kept: number; highest: number };

/** Two ways to read one time-stamp differ by less than this, and two lives of a broker by much more. Milliseconds. */
const SAME_MS = 0.01;

/**
 * Compares what is remembered with the log (ADR 0013). A log that lost its end gives the lost numbers again, so its last sequence alone proves
 * nothing: a gateway may have written before anybody looked. The broker's clock tells old from new. Pure.
 */
export function judgeEnd(lastSeq: number, probes: readonly Probe[]): LogEnd {
  const bounds = probes.map((probe) => boundOf(lastSeq, probe)).filter((bound) => bound !== undefined);
  if (bounds.length === 0) return { kind: "whole" };
  const highest = Math.max(...probes.map(({ anchor }) => anchor.seq));
  return { kind: "shortened", kept: Math.max(0, Math.min(...bounds)), highest };
}

/** The last message that can be an old one, if the anchor's is gone; undefined if nothing speaks against it. */
function boundOf(lastSeq: number, { anchor, there, next }: Probe): number | undefined {
  const before = next === undefined ? Infinity : next - 1;
  if (anchor.seq > lastSeq) return Math.min(lastSeq, before);
  if (anchor.at === undefined) return undefined;
  // deleted or pruned: only what came later and stands lower speaks against it
  if (there === undefined) return before < anchor.seq ? before : undefined;
  return Math.abs(there - anchor.at) > SAME_MS ? Math.min(anchor.seq - 1, before) : undefined;
}

/** A broker's time-stamp with nanoseconds, in milliseconds; NaN for the time of nothing. */
export function stampMs(text: string): number {
  const [, seconds, fraction = "0"] = /^(.*:\d\d)(?:\.(\d+))?Z$/.exec(text) ?? [];
  if (seconds === undefined || text.startsWith("0001-")) return Number.NaN;
  return Date.parse(`${seconds}Z`) + Number(`0.${fraction}`) * 1000;
}
