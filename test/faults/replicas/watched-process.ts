import { readdir, readFile } from "node:fs/promises";
import { residentBytes } from "../../../bench/usage.ts";
import { growthOf, type Sample } from "../flat.ts";
import type { Report } from "../report.ts";

/** A process that runs for the whole campaign. `ours`: its memory is judged; that of others depends on what they store. */
export type WatchedProcess = { name: string; pid: () => number; ours: boolean };

const SAMPLE_MS = 5000;
const MIB = 1024 ** 2;
/** The first part of the time, in which caches fill and code is compiled. */
const WARM_UP = 0.25;
/** Flat: what is judged grows by no more than this share of its median, or by this much. A heap breathes by some per cent; a descriptor more or less is a watcher. */
const MOST_GROWTH = 0.08;
const MOST_MIB = 8;
const MOST_DESCRIPTORS = 8;

/** Looks at memory and descriptors of processes until `judge`, which reports how they grew behind the warm-up. */
export function watchProcesses(processes: readonly WatchedProcess[]): { judge(report: Report): void } {
  const taken = processes.map((it) => ({ ...it, memory: [] as Sample[], descriptors: [] as Sample[] }));
  const timer = setInterval(() => {
    for (const it of taken)
      void Promise.all([residentBytes(it.pid()), descriptorsOf(it.pid())]).then(([bytes, descriptors]) => {
        const at = performance.now();
        if (bytes !== undefined) it.memory.push({ at, value: bytes / MIB });
        if (descriptors !== undefined) it.descriptors.push({ at, value: descriptors });
      });
  }, SAMPLE_MS);
  return {
    judge(report) {
      clearInterval(timer);
      for (const { name, ours, memory, descriptors } of taken) {
        judge(report, {
          name: `${name}, memory`,
          unit: "MB",
          samples: memory,
          most: ours ? MOST_MIB : undefined,
        });
        judge(report, {
          name: `${name}, descriptors`,
          unit: "",
          samples: descriptors,
          most: MOST_DESCRIPTORS,
        });
      }
    },
  };
}

function judge(
  report: Report,
  of: { name: string; unit: string; samples: readonly Sample[]; most: number | undefined },
): void {
  const samples = of.samples.slice(Math.floor(of.samples.length * WARM_UP));
  const values = samples.map(({ value }) => value).toSorted((a, b) => a - b);
  const median = values[Math.floor(values.length / 2)] ?? NaN;
  const growth = growthOf(samples);
  const shown = `median ${median.toFixed(0)} ${of.unit}, largest ${values.at(-1)?.toFixed(0)}, grew by ${growth.toFixed(1)} in ${samples.length} samples`;
  if (of.most === undefined) return report.note(of.name, shown);
  report.check(of.name, growth <= Math.max(of.most, median * MOST_GROWTH), shown);
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
