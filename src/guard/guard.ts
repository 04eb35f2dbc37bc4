import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { killRest } from "./kill.ts";
import type { GuardAnswer, GuardOrder } from "./wire.ts";

/** A process that kills agents which their worker cannot end any more. */
export type Guard = {
  /** Resolves when nothing of this process group can outlive `until` (system's monotonic clock), or the worker. Rejects if the guard has ended. */
  watch(group: { pid: number; mark: string; until: number; clear?: string }): Promise<void>;
  extend(pid: number, until: number): void;
  forget(pid: number): void;
  /** False when it has ended: then everything that it watched was killed. */
  lives(): boolean;
};

/** A guard has little to remember, and there is one beside every worker that runs agents. */
const SMALL = ["--max-old-space-size=16", "--max-semi-space-size=1"];

/** Starts a guard. It ends when this process does. */
export function startGuard(): Guard {
  // not in our process group, so that a kill of that leaves it
  const child = spawn(process.execPath, [...SMALL, guardFile()], {
    stdio: ["pipe", "pipe", "ignore"],
    detached: true,
    env: {},
  });
  const watched = new Map<number, { mark: string; known: PromiseWithResolvers<void> }>();
  let alive = true;

  function over(): void {
    if (!alive) return;
    alive = false;
    for (const [pid, { mark, known }] of watched) {
      void killRest(pid, mark);
      known.reject(new Error("the guard of agents has ended"));
    }
    watched.clear();
  }

  function tell(order: GuardOrder): void {
    if (alive) child.stdin.write(`${JSON.stringify(order)}\n`);
  }

  child.stdin.on("error", over);
  child.once("error", over);
  child.once("exit", over);
  createInterface({ input: child.stdout }).on("line", (line) => {
    const { watching } = JSON.parse(line) as GuardAnswer;
    watched.get(watching)?.known.resolve();
  });
  return {
    async watch({ pid, mark, until, clear }) {
      if (!alive) throw new Error("the guard of agents has ended");
      const known = Promise.withResolvers<void>();
      known.promise.catch(() => undefined); // also if nobody waits any more when it ends
      watched.set(pid, { mark, known });
      tell({ do: "watch", pid, mark, until, ...(clear === undefined ? {} : { clear }) });
      await known.promise;
    },
    extend: (pid, until) => tell({ do: "extend", pid, until }),
    forget(pid) {
      watched.delete(pid);
      tell({ do: "forget", pid });
    },
    lives: () => alive,
  };
}

/** The guard of a process, started when its first agent needs it, and again if it ended. */
export function guardKeeper(): () => Guard {
  let guard: Guard | undefined;
  return () => {
    if (guard?.lives() !== true) guard = startGuard();
    return guard;
  };
}

/** `.ts` among sources and `.js` in the package. */
function guardFile(): string {
  const ending = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return fileURLToPath(new URL(`./process.${ending}`, import.meta.url));
}
