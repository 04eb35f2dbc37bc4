/** What a campaign found, line by line. */
export type Report = {
  /** A figure that must hold. */
  check(name: string, ok: boolean, shown: string): void;
  /** A figure that is only told. */
  note(name: string, shown: string): void;
  /** Lines that do not hold. */
  readonly failed: readonly string[];
};

/** Tells every line at once, so that a campaign that hangs has told what it knew. */
export function createReport(print: (line: string) => void): Report {
  const failed: string[] = [];
  const line = (mark: string, name: string, shown: string): string =>
    `${mark.padEnd(7)} ${name.padEnd(50)} ${shown}`;
  return {
    failed,
    check(name, ok, shown) {
      if (!ok) failed.push(`${name}: ${shown}`);
      print(line(ok ? "ok" : "NOT OK", name, shown));
    },
    note(name, shown) {
      print(line("", name, shown));
    },
  };
}

/** The value below which this share (0 to 1) of the numbers lies; 0 for none. */
export function quantile(numbers: readonly number[], share: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? sorted[0] ?? 0;
}

/** Milliseconds with the digits that matter. */
export function ms(value: number): string {
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
}
