import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Figure } from "./figure.ts";
import { interleaved, median } from "./rounds.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** Which rows, and how often each revision runs them. */
export type Comparison = { revision: string; rounds: number; only: readonly string[] };

/** One figure of both revisions. */
type Pair = { row: string; what: string; unit: string; before: number[]; now: number[] };

/**
 * Runs the rows of this checkout with the product of another revision and with that of this one, in turn, and prints the medians of both. The other one gets this checkout's
 * bench, so that both are measured alike: that fails as soon as the bench needs something that the revision does not have.
 */
export async function compare({ revision, rounds, only }: Comparison): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "rr-bench-revision-"));
  const tree = join(folder, "tree");
  try {
    await run(ROOT, "git", ["worktree", "add", "--detach", tree, revision]);
    await rm(join(tree, "bench"), { recursive: true, force: true });
    await cp(join(ROOT, "bench"), join(tree, "bench"), { recursive: true });
    await run(tree, process.execPath, ["scripts/setup.mjs"]);
    const json = join(folder, "figures.json");
    const figures = async (root: string): Promise<Figure[]> => {
      const rows = only.flatMap((row) => ["--only", row]);
      await run(root, process.execPath, ["bench/main.ts", "--quick", "--json", json, ...rows]);
      return (JSON.parse(await readFile(json, "utf8")) as { figures: Figure[] }).figures;
    };
    const measured = await interleaved(
      rounds,
      () => figures(tree),
      () => figures(ROOT),
    );
    console.log(tableOf(pairsOf(measured.map(({ a, b }) => ({ before: a, now: b })))));
  } finally {
    await run(ROOT, "git", ["worktree", "remove", "--force", tree]).catch(() => undefined);
    await rm(folder, { recursive: true, force: true });
  }
}

async function run(cwd: string, command: string, args: readonly string[]): Promise<void> {
  const child = spawn(command, args, { cwd, stdio: ["ignore", "ignore", "inherit"] });
  const [code] = (await once(child, "exit")) as [number | null];
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${code}`);
}

/** Figures that both revisions have. Pure. */
export function pairsOf(rounds: readonly { before: readonly Figure[]; now: readonly Figure[] }[]): Pair[] {
  const pairs = new Map<string, Pair>();
  for (const { before, now } of rounds)
    for (const { row, what, unit, value } of now) {
      const other = before.find((it) => it.row === row && it.what === what);
      if (other === undefined) continue;
      const key = `${row} ${what}`;
      const pair = pairs.get(key) ?? { row, what, unit, before: [], now: [] };
      pair.before.push(other.value);
      pair.now.push(value);
      pairs.set(key, pair);
    }
  return [...pairs.values()];
}

/** A line for each figure: the medians of both, the median of the rounds' own ratios, and every value. Pure. */
export function tableOf(pairs: readonly Pair[]): string {
  const shown = (values: readonly number[]): string => values.map((it) => it.toPrecision(3)).join(" ");
  return pairs
    .map(({ row, what, unit, before, now }) => {
      const change = median(now.map((value, i) => value / (before[i] ?? NaN)));
      const medians = `${median(before).toPrecision(3)} -> ${median(now).toPrecision(3)} ${unit}`;
      return `${row}, ${what}: ${medians}, times ${change.toFixed(2)} (${shown(before)} | ${shown(now)})`;
    })
    .join("\n");
}
