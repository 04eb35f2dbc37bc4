import { readdirSync, readFileSync } from "node:fs";
import { totalmem } from "node:os";
import type { Clock } from "../shared/base/clock.ts";

/** A process, as the system tells of it. */
export type Process = { pid: number; parent: number; group: number };

/** How often is looked. A program that allocates 1 GB a second is found out within 2 GB. */
const LOOK_MS = 2000;

/** The processes of a program: its group, and everything below it that has left that. Pure. */
export function familyOf(all: readonly Process[], root: number): Set<number> {
  const family = new Set(
    all.filter(({ pid, group }) => pid === root || group === root).map(({ pid }) => pid),
  );
  for (let before = -1; before !== family.size;) {
    before = family.size;
    for (const { pid, parent } of all) if (family.has(parent)) family.add(pid);
  }
  return family;
}

/** What a program takes with all that it started, bytes. Memory that processes share counts for each. 0 where the system does not tell (macOS). */
export function memoryOf(root: number): number {
  let bytes = 0;
  for (const pid of familyOf(processes(), root)) bytes += residentOf(pid);
  return bytes;
}

/** Calls `over` once when a program takes more than `most` bytes, until the returned function is called. */
export function watchMemory(
  { clock, measure = memoryOf }: { clock: Clock; measure?: (root: number) => number },
  { root, most, over }: { root: number; most: number; over: (bytes: number) => void },
): () => void {
  let cancel = clock.after(LOOK_MS, look);
  function look(): void {
    const bytes = measure(root);
    if (bytes > most) over(bytes);
    else cancel = clock.after(LOOK_MS, look);
  }
  return () => cancel();
}

/** What this machine has, or its container may take, bytes. */
export function machineMemory(): number {
  const constrained = process.constrainedMemory();
  return constrained > 0 ? Math.min(totalmem(), constrained) : totalmem();
}

function processes(): Process[] {
  return numbersIn("/proc").flatMap((pid) => {
    // `pid (name) state parent group …`; the name may hold anything
    const fields = textOf(`/proc/${pid}/stat`).split(") ").at(-1)?.split(" ") ?? [];
    const [, parent, group] = fields;
    return group === undefined ? [] : [{ pid, parent: Number(parent), group: Number(group) }];
  });
}

function residentOf(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(textOf(`/proc/${pid}/status`)) ?? [];
  return Number(kib ?? 0) * 1024;
}

function numbersIn(folder: string): number[] {
  try {
    return readdirSync(folder)
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return ""; // gone meanwhile
  }
}
