import { readdirSync, readlinkSync } from "node:fs";

/** Processes that work in a folder. */
export function processesIn(folder: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => placeOf(pid)?.startsWith(folder));
}

function placeOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return undefined; // gone meanwhile
  }
}

/** Kills every process that works in the folder, as the system does when memory is short. */
export function killIn(folder: string): void {
  for (const pid of processesIn(folder))
    try {
      process.kill(pid, "SIGKILL");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error; // it ended with the one before
    }
}
