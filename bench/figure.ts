/** What a row of docs/performance.md, "Figures", demands of a figure: a bound on one side, and one to strive for. */
export type Budget = { bound: number; stretch?: number; better: "more" | "less" };

/** One line of the table. */
export type Figure = {
  row: string;
  what: string;
  value: number;
  /** `x` is a ratio to the limit that ran in turn with it. */
  unit: "x" | "ms" | "us" | "MB" | "KiB" | "%";
  budget: Budget;
  /** Absolute numbers of this machine, for people. */
  detail: string;
  /** Single values that `value` is the median of. */
  samples: number[];
  /** Processor time per event by process, microseconds. */
  cpu?: Record<string, number>;
};

/** Does a value keep a bound? Compared as it is shown, so that no 0.22 fails against 0.22. */
export function keeps(value: number, bound: number | undefined, better: "more" | "less"): boolean {
  if (bound === undefined) return false;
  const shown = Number(value.toPrecision(3));
  return better === "more" ? shown >= bound : shown <= bound;
}
