import { readFile } from "node:fs/promises";

const TICK_MS = 10; // USER_HZ is 100 on every Linux that Node runs on
const KIB = 1024;

/** Processor time of a process so far, milliseconds; undefined where there is no /proc. */
export async function cpuMs(pid: number): Promise<number | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  // The name in brackets may hold spaces; utime and stime are fields 14 and 15.
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields === undefined ? undefined : (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** Resident memory of a process, bytes; undefined where there is no /proc. */
export async function residentBytes(pid: number): Promise<number | undefined> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  const kib = /^VmRSS:\s+(\d+) kB/m.exec(status)?.[1];
  return kib === undefined ? undefined : Number(kib) * KIB;
}

/** Largest resident memory so far, bytes, as the kernel kept it. */
export async function peakBytes(pid: number): Promise<number | undefined> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  const kib = /^VmHWM:\s+(\d+) kB/m.exec(status)?.[1];
  return kib === undefined ? undefined : Number(kib) * KIB;
}

/** Processor time of processes while something runs, microseconds per event. Empty where it cannot be read. */
export async function cpuPerEvent<T>(
  pids: Record<string, number>,
  run: () => Promise<T>,
  eventsOf: (result: T) => number,
): Promise<{ result: T; cpu: Record<string, number> }> {
  const names = Object.keys(pids);
  const read = (): Promise<(number | undefined)[]> => Promise.all(Object.values(pids).map(cpuMs));
  const before = await read();
  const result = await run();
  const after = await read();
  const cpu: Record<string, number> = {};
  for (const [i, name] of names.entries()) {
    const [from, to] = [before[i], after[i]];
    if (from === undefined || to === undefined) continue;
    cpu[name] = Math.round(((to - from) * 1000) / eventsOf(result));
  }
  return { result, cpu };
}
