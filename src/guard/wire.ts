/** What a worker tells its guard: one JSON object per line. Times are those of the system's monotonic clock, which all processes share. */
export type GuardOrder =
  /** Watch a process group. `mark` is in the environment of everything that it starts; `clear` is a folder that is removed when it is killed. */
  | { do: "watch"; pid: number; mark: string; until: number; clear?: string }
  /** The right to run it was renewed. */
  | { do: "extend"; pid: number; until: number }
  /** It has ended. */
  | { do: "forget"; pid: number };

/** What the guard answers to `watch`: from now on nothing of the group outlives its time, or the worker. */
export type GuardAnswer = { watching: number };

/** The system's monotonic clock, milliseconds. */
export function systemMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
