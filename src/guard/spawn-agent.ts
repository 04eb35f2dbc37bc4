import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import type { AgentCommand, AgentProcess } from "../agents/agent.ts";
import type { Clock } from "../shared/base/clock.ts";
import { errorText } from "../shared/base/errors.ts";
import type { Guard } from "./guard.ts";
import type { PidFiles } from "./pid-files.ts";
import { watchMemory } from "./memory.ts";
import { killRest, MARK } from "./kill.ts";
import { systemMs } from "./wire.ts";

// guard.ts starts the guard, process.ts is that process, wire.ts what it receives · kill.ts kills what is left of an agent · pid-files.ts remembers what runs, memory.ts how much it takes · children.ts has the programs of a turn

/** The right to run something: a lease. */
export type Hold = {
  /** Monotonic time at which it ends, if it is not renewed. */
  until(): number;
  onRenewed(listener: () => void): () => void;
  lost: AbortSignal;
};

/** What the programs of a turn get of its credentials. */
export type GivenToPrograms = {
  env: Readonly<Record<string, string>>;
  /** Has their files. The guard removes it when it kills one of them. */
  folder: string;
};

/** Where programs run, and for how long. */
export type SpawnPlace = {
  hold: Hold;
  folder: string;
  given?: GivenToPrograms | undefined;
  /** Called before a program is killed that takes more memory than it may. */
  tooLarge?: (bytes: number) => void;
};

export type SpawnDeps = {
  guard: () => Guard;
  clock: Clock;
  /** Variables that every program gets, beside its own. */
  env: Readonly<Record<string, string>>;
  random: () => string;
  pidFiles: PidFiles;
  /** Most memory of a program with all that it starts, bytes. Without it there is no limit. */
  mostMemory?: number;
};

/** How long an agent has after SIGTERM. */
const GRACE_MS = 5000;
/** Waits until the guard knows it, and ends if the worker dies before. The process that is started has the pid, and the group, of this shell. */
const GATE = 'read -r _ <&3 || exit 1; exec 3<&-; exec "$@"';

/** Starts a program in a process group of its own, under the guard: nothing of it outlives `hold`, or this process by more than a moment. */
export async function spawnAgent(
  { guard: guardOf, clock, env, random, pidFiles, mostMemory = Infinity }: SpawnDeps,
  { hold, folder, given, tooLarge = () => undefined }: SpawnPlace,
  command: AgentCommand,
): Promise<AgentProcess> {
  const mark = random();
  const guard = guardOf();
  const child = spawn("/bin/sh", ["-c", GATE, "sh", command.file, ...command.args], {
    cwd: folder,
    env: { ...env, ...given?.env, ...command.env, [MARK]: mark },
    stdio: ["pipe", "pipe", "pipe", "pipe"],
    detached: true,
  }) as ChildProcessByStdio<Writable, Readable, Readable>;
  child.stdin.on("error", () => undefined); // an agent need not read everything
  const gate = child.stdio[3] as Writable;
  gate.on("error", () => undefined);
  await once(child, "spawn").catch((error: unknown) => {
    // the shell is there: what is missing is the folder
    throw new Error(`an agent cannot start in ${folder}: ${errorText(error)}`, { cause: error });
  });
  const pid = child.pid ?? 0;
  let forget = (): void => undefined;
  const ended = Promise.withResolvers<{ code: number | null; signal: NodeJS.Signals | null }>();
  const extend = (): void => guard.extend(pid, systemTimeOf(clock, hold.until()));
  const renewed = hold.onRenewed(extend);
  const over = (bytes: number): void => {
    tooLarge(bytes);
    void killRest(pid, mark);
  };
  const unwatch = watchMemory({ clock }, { root: pid, most: mostMemory, over });
  child.once("exit", (code, signal) => {
    renewed();
    unwatch();
    void killRest(pid, mark).then(() => {
      guard.forget(pid);
      forget();
      ended.resolve({ code, signal });
    });
  });
  try {
    forget = pidFiles.note(pid, mark);
    const until = systemTimeOf(clock, hold.until());
    await guard.watch({ pid, mark, until, ...(given === undefined ? {} : { clear: given.folder }) });
    hold.lost.throwIfAborted();
  } catch (error) {
    await killRest(pid, mark);
    throw error;
  }
  gate.end("go\n");
  const { stdin, stdout, stderr } = child;
  return {
    stdin,
    stdout,
    stderr,
    ended: ended.promise,
    stop: (graceMs) => stop(clock, { pid, mark, graceMs }, ended.promise),
  };
}

function stop(
  clock: Clock,
  { pid, mark, graceMs = GRACE_MS }: { pid: number; mark: string; graceMs: number | undefined },
  ended: Promise<unknown>,
): void {
  try {
    process.kill(-pid, "SIGTERM");
  } catch {
    // it has ended
  }
  const cancel = clock.after(graceMs, () => void killRest(pid, mark));
  void ended.then(cancel);
}

/** The same moment on the system's clock. If this process is stopped in between, it comes out earlier, never later. */
function systemTimeOf(clock: Clock, time: number): number {
  const now = systemMs();
  return now + (time - clock.now());
}
