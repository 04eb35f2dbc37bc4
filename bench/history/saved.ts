import { verdictOf, type Figure, type Verdict } from "../figure.ts";
import type { Machine } from "../machine.ts";

/** A figure with the name of the row of `npm run bench` that measured it. */
export type Measured = { by: string; figure: Figure };

/** What a row said beside its figures. */
export type Note = { by: string; text: string };

/** A figure as the history keeps it: the single values only by their ends. */
export type SavedFigure = Omit<Figure, "samples"> & {
  by: string;
  /** Smallest and largest of the values that `value` is the median of. */
  range: [number, number];
  holds?: Verdict;
};

/** One run, a file of docs/performance/. */
export type SavedRun = {
  /** ISO 8601, when it began. */
  date: string;
  /** Short, with `+` where the checkout had changes that were not committed. */
  revision: string;
  quick: boolean;
  /** One-minute load average when it began: other work makes figures worse. */
  load: number;
  machine: Machine;
  notes: Note[];
  figures: SavedFigure[];
};

const DIGITS = 4;
const rounded = (value: number): number => Number(value.toPrecision(DIGITS));

/** Rows that failed are left out: of these, only a part may be there. Pure. */
export function savedOf(
  about: Omit<SavedRun, "figures" | "notes">,
  {
    measured,
    notes,
    failed,
  }: { measured: readonly Measured[]; notes: readonly Note[]; failed: readonly string[] },
): SavedRun {
  const figures = measured
    .filter(({ by }) => !failed.includes(by))
    .map(({ by, figure: { samples, ...figure } }): SavedFigure => {
      const holds = verdictOf(figure);
      return {
        by,
        ...figure,
        value: rounded(figure.value),
        range: [rounded(Math.min(...samples)), rounded(Math.max(...samples))],
        ...(holds === undefined ? {} : { holds }),
      };
    });
  return { ...about, notes: notes.filter(({ by }) => !failed.includes(by)), figures };
}

/** A line for each figure, so that files stay small and can be read. Pure. */
export function textOf({ figures, ...about }: SavedRun): string {
  const head = JSON.stringify(about, undefined, 2).replace(/\n\}$/, "");
  return `${head},\n  "figures": [\n    ${figures.map((it) => JSON.stringify(it)).join(",\n    ")}\n  ]\n}\n`;
}

/** Sorts as the runs were made. Pure. */
export function fileNameOf({ date, revision }: Pick<SavedRun, "date" | "revision">): string {
  return `${date.slice(0, 16).replace(":", "")}-${revision.replace("+", "-changed")}.json`;
}

/** A run with those of its figures that no newer run measured again. */
export type Newest = { run: SavedRun; figures: SavedFigure[]; notes: Note[] };

/**
 * For each row its newest run; runs in the order of their first row. So a complete run stands alone, and a row that was measured again later, or
 * that `--quick` leaves out, stands with its own date. Pure.
 */
export function newestOf(runs: readonly SavedRun[], rows: readonly string[]): Newest[] {
  const groups = new Map<SavedRun, SavedFigure[]>();
  for (const row of rows) {
    const run = runs.findLast(({ figures }) => figures.some(({ by }) => by === row));
    if (run === undefined) continue;
    const figures = groups.get(run) ?? [];
    figures.push(...run.figures.filter(({ by }) => by === row));
    groups.set(run, figures);
  }
  return [...groups].map(([run, figures]) => {
    const notes = run.notes.filter((note) => figures.some(({ by }) => by === note.by));
    return { run, figures, notes };
  });
}
