import { readdir, readFile } from "node:fs/promises";
import { residentBytes } from "../../../bench/usage.ts";
import { growthOver, type Sample } from "../flat.ts";
import { quantile, type Report } from "../report.ts";

/** A process that is started again when it ends. `ours`: its memory is judged; that of others depends on what they store. */
export type WatchedProcess = { name: string; pid: () => number | undefined; ours: boolean };

/** What one run of a process had. */
type Life = { pid: number; memory: Sample[]; descriptors: Sample[] };
type Figure = "memory" | "descriptors";

const SAMPLE_MS = 5000;
const MIB = 1024 ** 2;
/** Flat: what is judged grows by no more than this share of its median, or by this much. A heap breathes by some per cent; a descriptor more or less is a watcher. */
const MOST_GROWTH = 0.08;
const MOST: Record<Figure, number> = { memory: 8, descriptors: 8 };
const UNIT: Record<Figure, string> = { memory: " MB", descriptors: "" };

/** Looks at memory and descriptors of processes until `judge`, which reports how they grew behind the warm-up of each life, and from the first life to the last. */
export function watchProcesses(processes: readonly WatchedProcess[]): { judge(report: Report): void } {
  const taken = processes.map((it) => ({ ...it, lives: [] as Life[] }));
  const timer = setInterval(() => {
    for (const { pid, lives } of taken) void sample(pid(), lives);
  }, SAMPLE_MS);
  return {
    judge(report) {
      clearInterval(timer);
      for (const { name, ours, lives } of taken) {
        judge(report, { name, figure: "memory", lives, counts: ours });
        judge(report, { name, figure: "descriptors", lives, counts: true });
      }
    },
  };
}

async function sample(pid: number | undefined, lives: Life[]): Promise<void> {
  if (pid === undefined) return;
  const [bytes, descriptors] = await Promise.all([residentBytes(pid), descriptorsOf(pid)]);
  if (bytes === undefined || descriptors === undefined) return; // it ended meanwhile
  if (lives.at(-1)?.pid !== pid) lives.push({ pid, memory: [], descriptors: [] });
  const at = performance.now();
  lives.at(-1)?.memory.push({ at, value: bytes / MIB });
  lives.at(-1)?.descriptors.push({ at, value: descriptors });
}

function judge(
  report: Report,
  of: { name: string; figure: Figure; lives: readonly Life[]; counts: boolean },
): void {
  const { figure } = of;
  const name = `${of.name}, ${figure}`;
  const { medians, largest, growth } = growthOver(of.lives.map((life) => life[figure]));
  if (medians.length === 0) return report.note(name, "no life was long enough");
  const shown = `median of each life ${medians.map((it) => it.toFixed(0)).join(", ")}${UNIT[figure]}, largest ${largest.toFixed(0)}, grew by ${growth.toFixed(1)} at most`;
  if (!of.counts) return report.note(name, shown);
  report.check(name, growth <= Math.max(MOST[figure], quantile(medians, 0.5) * MOST_GROWTH), shown);
}

async function descriptorsOf(pid: number): Promise<number | undefined> {
  const names = await readdir(`/proc/${pid}/fd`).catch(() => undefined);
  return names?.length;
}

/** The first child of a process: nginx works in one. */
export async function firstChildOf(pid: number): Promise<number> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
  return Number(children.trim().split(" ")[0]);
}
