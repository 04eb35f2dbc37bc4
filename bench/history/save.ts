import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sectionOf, withSection } from "./page.ts";
import { plotsOf } from "./plots.ts";
import { fileNameOf, textOf, type SavedRun } from "./saved.ts";

// saved.ts what is kept of a run · page.ts tables of docs/performance.md · plots.ts which plots, plot.ts their drawing · save.ts files

const ROOT = join(import.meta.dirname, "../..");
const FOLDER = join(ROOT, "docs/performance");
const PAGE = join(ROOT, "docs/performance.md");

/** All runs that were saved, in the order of time. */
export function readRuns(): SavedRun[] {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith(".json"))
    .sort()
    .map((name) => JSON.parse(readFileSync(join(FOLDER, name), "utf8")) as SavedRun);
}

/** Adds a run to the history. Returns its file's name. */
export function saveRun(run: SavedRun): string {
  mkdirSync(FOLDER, { recursive: true });
  const name = fileNameOf(run);
  writeFileSync(join(FOLDER, name), textOf(run));
  return name;
}

/** Every file that the history makes, by its path from the root of the repository: the page and its plots. */
export function filesOfHistory(rows: readonly string[]): Map<string, string> {
  const runs = readRuns();
  const plots = plotsOf(runs, rows);
  const page = withSection(readFileSync(PAGE, "utf8"), sectionOf(runs, rows, plots));
  return new Map([
    ["docs/performance.md", page],
    ...plots.map(({ file, svg }) => [`docs/performance/${file}`, svg] as const),
  ]);
}

/** Writes them. */
export function writePage(rows: readonly string[]): void {
  for (const [path, content] of filesOfHistory(rows)) writeFileSync(join(ROOT, path), content);
}

/** The checkout's revision, with `+` where something is changed that is not committed, apart from the history itself. */
export function revisionNow(): string {
  const git = (...args: string[]): string =>
    execFileSync("git", args, { cwd: ROOT, encoding: "utf8" }).trim();
  const changed = git("status", "--porcelain", "--", ".", ":!docs/performance", ":!docs/performance.md");
  return git("rev-parse", "--short=8", "HEAD") + (changed === "" ? "" : "+");
}
