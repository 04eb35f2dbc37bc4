import { objections, type Counts, type Tally } from "./tally.ts";

const COLUMNS: [keyof Counts, string][] = [
  ["rounds", "rounds"],
  ["acknowledged", "acknowledged"],
  ["delivered", "delivered"],
  ["dead", "dead letters"],
  ["lost", "lost"],
  ["inversions", "inversions"],
  ["early", "early"],
  ["repeats", "repeats"],
  ["old", "old repeats"],
  ["keyless", "without key"],
  ["refused", "refusals"],
];

/** A tally for a terminal: a line for each nemesis, and what the checker objects to. Pure. */
export function shownTally(tally: Tally): string[] {
  const rows = [...tally.rows, { nemesis: "all", ...tally.total }];
  const wide = Math.max(...rows.map(({ nemesis }) => nemesis.length));
  const line = (name: string, cells: readonly string[]): string =>
    [name.padEnd(wide), ...cells.map((cell, i) => cell.padStart(COLUMNS[i]?.[1].length ?? 0))].join("  ");
  const wrong = objections(tally.total);
  return [
    line(
      "nemesis",
      COLUMNS.map(([, title]) => title),
    ),
    ...rows.map((row) =>
      line(
        row.nemesis,
        COLUMNS.map(([name]) => String(row[name])),
      ),
    ),
    ...Object.entries(tally.examples).map(([kind, markers]) => `  ${kind}: ${markers.join(", ")}`),
    ...(tally.total.late > 0 ? [`${tally.total.late} rounds were not settled in time`] : []),
    ...(tally.unfinished > 0 ? [`${tally.unfinished} rounds have no end and are not counted`] : []),
    wrong.length === 0 ? "the checker objects to nothing" : `the checker objects: ${wrong.join(", ")}`,
  ];
}
