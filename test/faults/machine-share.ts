import { readFile } from "node:fs/promises";
import { cpuMs } from "../../bench/usage.ts";

const TICK_MS = 10; // USER_HZ, as in bench/usage.ts

/** Parts of a machine's processor time over a while, 0 to 1. */
export type MachineShare = {
  /** The processes that were named. */
  named: number;
  /** Everything else on the machine, with the kernel's own work. */
  others: number;
  /** What the host of a virtual machine gave to somebody else. */
  stolen: number;
  idle: number;
};

type Moment = { named: number; idle: number; stolen: number; all: number };

/** Reads the first line of `/proc/stat`, milliseconds over all processors. Pure. */
export function readStat(stat: string): Omit<Moment, "named"> {
  const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, soft = 0, stolen = 0] = stat
    .split("\n", 1)
    .join("")
    .split(/\s+/)
    .slice(1)
    .map((ticks) => Number(ticks) * TICK_MS);
  const unused = idle + wait;
  return { idle: unused, stolen, all: user + nice + system + unused + irq + soft + stolen };
}

/** Who used the machine between two moments. Pure. */
export function shareBetween(from: Moment, to: Moment): MachineShare {
  const all = Math.max(1, to.all - from.all);
  const [named, idle, stolen] = [to.named - from.named, to.idle - from.idle, to.stolen - from.stolen];
  const others = Math.max(0, all - named - idle - stolen); // the clocks of processes and machine differ by a tick
  return { named: named / all, others: others / all, stolen: stolen / all, idle: idle / all };
}

/** Begins to watch who uses the machine. The returned function ends it; undefined where there is no /proc. */
export async function watchMachine(
  pids: readonly number[],
): Promise<() => Promise<MachineShare | undefined>> {
  const from = await momentOf(pids);
  return async () => {
    const to = await momentOf(pids);
    return from === undefined || to === undefined ? undefined : shareBetween(from, to);
  };
}

async function momentOf(pids: readonly number[]): Promise<Moment | undefined> {
  const stat = await readFile("/proc/stat", "utf8").catch(() => undefined);
  if (stat === undefined) return undefined;
  const times = await Promise.all(pids.map(cpuMs));
  return { ...readStat(stat), named: times.reduce<number>((sum, ms) => sum + (ms ?? 0), 0) };
}
