/** The log at one moment: monotonic milliseconds, its last sequence, and the number of pending events. */
export type LogSample = { at: number; lastSeq: number; waiting: number };

/** Events per second between two readings. */
export type Rates = {
  /** Seconds between the readings. */
  seconds: number;
  /** Stored in the log, including events that operators requeued. */
  in: number;
  /** Settled: delivered, superseded or dead. */
  out: number;
  /** Seconds until the backlog is empty at this rate. Absent if the backlog does not shrink. */
  emptyInSeconds?: number;
};

/** The settled events are the stored ones minus the growth of the backlog. The numbers are not read at the same moment, so the result is limited to 0. Pure. */
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
