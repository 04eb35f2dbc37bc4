import { readdirSync, readFileSync } from "node:fs";

/** The variable that marks everything that an agent starts, also what left its process group. */
export const MARK = "AGENT_RUN_MARK";

/** How often is looked again for what was started while the others were killed. */
const AGAIN_MS = 20;
const TIMES = 10;

/** Kills what is left of an agent: its process group and, where the system tells (Linux), everything that has its mark. The first round is over when this returns; resolves when nothing is left. */
export async function killRest(pid: number, mark: string): Promise<void> {
  for (let times = TIMES; killOnce(pid, mark) && times > 0; times--)
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
}

/** The same for a program of which only its number is known from before: its group is killed only if that number is still its own. True if there was something to kill. */
export async function killMarked(pid: number, mark: string): Promise<boolean> {
  const marked = marking(mark);
  if (marked.length === 0) return false;
  if (marked.includes(pid)) await killRest(pid, mark);
  else for (const it of marked) kill(it);
  return true;
}

/** True if there was something to kill. */
function killOnce(pid: number, mark: string): boolean {
  const group = kill(-pid);
  const marked = marking(mark).map((it) => kill(it));
  return group || marked.includes(true);
}

function kill(pid: number): boolean {
  try {
    return process.kill(pid, "SIGKILL");
  } catch {
    return false; // gone, or it belongs to another user by now
  }
}

/** Processes with this mark in their environment. Empty where the system does not tell. */
function marking(mark: string): number[] {
  const entry = `${MARK}=${mark}`;
  return processes().filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").includes(entry);
    } catch {
      return false; // gone meanwhile, or another user's
    }
  });
}

function processes(): number[] {
  try {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}
