import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { foldedRows, summed, type Counts, type Row, type Tally } from "../rounds/tally.ts";

// What runs found, in small files that are committed: docs/reliability/*.json. The page is made from them.

/** Where and with what something was run. */
type Run = {
  /** ISO date. */
  date: string;
  versions: Record<string, string>;
};

/** Rounds against a subject, in all their pieces. */
export type RoundsResult = Run & {
  is: "rounds";
  seeds: number[];
  subject: string;
  settings: string;
  pieces: number;
  rows: Row[];
  total: Counts;
};

/** What a check said of a product that was broken on purpose. */
export type ControlResult = Run & {
  is: "control";
  seed: number;
  control: string;
  /** What was broken. */
  what: string;
  caught: boolean;
  found: string;
};

export type Result = RoundsResult | ControlResult;

/** The result of a history. Throws if nothing was run. */
export function roundsResult({ runs, rows, total }: Tally): RoundsResult {
  const last = runs.at(-1);
  if (last === undefined) throw new Error("the history has no run");
  const { subject, seed, settings, versions, date } = last;
  return {
    is: "rounds",
    subject,
    settings,
    seeds: [seed],
    date: date.slice(0, 10),
    versions,
    pieces: runs.length,
    rows,
    total,
  };
}

/** A result with what was found by more rounds against the same subject. Throws if that was another subject, or other versions. Pure. */
export function added(before: RoundsResult, more: RoundsResult): RoundsResult {
  const versionsOf = ({ subject, versions }: RoundsResult): string =>
    [
      subject,
      ...Object.entries(versions)
        .map((version) => version.join(" "))
        .sort(),
    ].join(", ");
  if (versionsOf(before) !== versionsOf(more))
    throw new Error(`the rounds are of ${versionsOf(more)}, the result of ${versionsOf(before)}`);
  return {
    ...more,
    seeds: [...new Set([...before.seeds, ...more.seeds])],
    pieces: before.pieces + more.pieces,
    rows: foldedRows([...before.rows, ...more.rows]),
    total: summed(before.total, more.total),
  };
}

/** Adds rounds to a result file; makes it if there is none. */
export function addResult(file: string, more: RoundsResult): void {
  const before = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as RoundsResult) : undefined;
  writeResult(file, before === undefined ? more : added(before, more));
}

export function writeResult(file: string, result: Result): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
}

/** All results of a folder, in the order of their names. */
export function readResults(folder: string): Result[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .sort()
    .map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as Result);
}
