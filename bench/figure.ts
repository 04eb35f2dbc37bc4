/** What a row of docs/performance.md, "Figures", demands of a figure: a bound on one side, and one to strive for. */
export type Budget = { bound: number; stretch?: number; better: "more" | "less" };

/** One line of the table. */
export type Figure = {
  row: string;
  what: string;
  value: number;
  /** `x` is a ratio to the limit that ran in turn with it. */
  unit: "x" | "ms" | "us" | "MB" | "KiB" | "%" | "/s";
  /** None: the figure is only shown. */
  budget?: Budget;
  /** Absolute numbers of this machine, for people. */
  detail: string;
  /** Single values that `value` is the median of. */
  samples: number[];
  /** Processor time per event by process, microseconds. */
  cpu?: Record<string, number>;
  /** Where `value` stands in a plot of history/plots.ts. */
  point?: { plot: string; series: string; x: number };
};

/** Does a value keep a bound? Compared as it is shown, so that no 0.22 fails against 0.22. */
function keeps(value: number, bound: number | undefined, better: "more" | "less"): boolean {
  if (bound === undefined) return false;
  const shown = Number(value.toPrecision(3));
  return better === "more" ? shown >= bound : shown <= bound;
}

/** What became of a budget; undefined where there is none. Pure. */
export function verdictOf({ value, budget }: Pick<Figure, "value" | "budget">): Verdict | undefined {
  if (budget === undefined) return undefined;
  if (!keeps(value, budget.bound, budget.better)) return "no";
  return keeps(value, budget.stretch, budget.better) ? "aim" : "yes";
}

export type Verdict = "no" | "yes" | "aim";

/** A budget's bound as it is shown: `>= 0.3`. Pure. */
export function boundText(number: number | undefined, better: "more" | "less"): string {
  return number === undefined ? "" : `${better === "more" ? ">=" : "<="} ${number}`;
}

/** Three digits, none behind the point from 100 on. Pure. */
export function shown(value: number): string {
  return Math.abs(value) < 100 ? value.toPrecision(3) : Math.round(value).toLocaleString("en");
}
