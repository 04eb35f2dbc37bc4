/** The log at a moment: monotonic milliseconds, its last sequence, and how many events wait. */
export type LogSample = { at: number; lastSeq: number; waiting: number };

/** Events a second between two readings. */
export type Rates = {
  /** How far they are apart, seconds. */
  seconds: number;
  /** Put into the log: accepted, and put in again by operators. */
  in: number;
  /** Settled: delivered, superseded or dead. */
  out: number;
  /** Until nothing waits if it goes on like this, seconds; absent while the backlog does not shrink. */
  emptyInSeconds?: number;
};

/** What leaves the backlog is what came less what it grew by. Numbers read one after another may disagree by a moment: never below 0. Pure. */
export function ratesOf(before: LogSample, now: LogSample): Rates {
  const seconds = (now.at - before.at) / 1000;
  if (seconds <= 0) return { seconds: 0, in: 0, out: 0 };
  const came = Math.max(0, now.lastSeq - before.lastSeq);
  const went = Math.max(0, came - (now.waiting - before.waiting));
  const net = (went - came) / seconds;
  return {
    seconds: tenth(seconds),
    in: tenth(came / seconds),
    out: tenth(went / seconds),
    ...(now.waiting > 0 && net > 0 ? { emptyInSeconds: Math.ceil(now.waiting / net) } : {}),
  };
}

function tenth(n: number): number {
  return Math.round(n * 10) / 10;
}
