import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Counts, Row, Tally } from "../rounds/tally.ts";

// What runs found, in small files that are committed: docs/reliability/*.json. The page is made from them.

/** Where and with what something was run. */
type Run = {
  /** ISO date. */
  date: string;
  seed: number;
  versions: Record<string, string>;
};

/** Rounds against a subject, in all their pieces. */
export type RoundsResult = Run & {
  is: "rounds";
  subject: string;
  settings: string;
  pieces: number;
  rows: Row[];
  total: Counts;
};

/** What a check said of a product that was broken on purpose. */
export type ControlResult = Run & {
  is: "control";
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
    seed,
    date: date.slice(0, 10),
    versions,
    pieces: runs.length,
    rows,
    total,
  };
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
