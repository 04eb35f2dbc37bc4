import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import type { Clock } from "../../shared/base/clock.ts";
import { codedError, errorText, isCoded } from "../../shared/base/errors.ts";
import { EXIT_CONFIG } from "../../shared/base/fatal-exit.ts";
import type { Logger } from "../../shared/base/logger.ts";
import type { Lines } from "../../shared/base/output/lines.ts";
import { passLines } from "./child-lines.ts";

/** How to start one of our processes: which `main.ts`, with which options and variables. */
export type ChildPlan = {
  name: string;
  /** Path of its composition root. */
  main: string;
  args: readonly string[];
  env: Record<string, string>;
  /**
   * Variables that are not known yet when the child starts. They are sent to it in each of its runs. Such a child may run before what it needs is there, so
   * it is started again at once, and gets its variables when everything is restored.
   */
  told?: Promise<Record<string, string>>;
  /** Options of Node itself. */
  nodeOptions: readonly string[];
};

/** A process that is kept running. */
export type Child = {
  readonly name: string;
  /** The URL in its first ready line. Rejects if the child cannot be started. */
  ready: Promise<string>;
  /** Process id of the present run, if the child runs. */
  pid(): number | undefined;
  /** Sends TERM, and KILL after `graceMs`. The child is not started again. */
  stop(graceMs: number): Promise<void>;
};

/** Most runs in a row that may end before the first ready line. Then the start has failed. */
const START_ATTEMPTS = 3;
const FIRST_DELAY_MS = 50; // running agents wait for it
const MAX_DELAY_MS = 5000;
/** A run that lasted this long was healthy, so the delay of the next restart begins anew. */
const HEALTHY_MS = 10_000;

/** Wait before the n-th restart in a row (from 1), milliseconds: 50, 100, 200 … 5000. */
export function restartDelay(failures: number): number {
  return Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.max(0, failures - 1));
}

type State =
  | { phase: "running"; process: ChildProcess; since: number; gone: Promise<void> }
  | { phase: "waiting"; cancel: () => void }
  | { phase: "stopped" };

/**
 * Starts a child and starts it again whenever it ends by itself. `mayFail` settles when everything that the child needs is there: if it ends earlier, that
 * is not its fault, and it is tried again. `onFatal` is called once, when starting it again makes no sense.
 *
 * The child has a process group of its own, so that Ctrl-C in a terminal reaches the supervisor alone. It holds an IPC channel, and ends when that closes,
 * because the supervisor is gone then.
 */
// oxlint-disable-next-line max-lines-per-function -- start, end and restart of one child share its state
export function keepRunning(options: {
  plan: ChildPlan;
  clock: Clock;
  log: Logger;
  /** Where the child's stderr goes. */
  lines: Lines;
  mayFail: Promise<unknown>;
  onFatal: (error: Error) => void;
  /** Restores what the child needs and may have lost. */
  beforeRestart?: () => Promise<unknown>;
  /** At every ready line: a child that ran again may have another URL. */
  onReady?: (url: string) => void;
}): Child {
  const { plan, clock, log } = options;
  const first = Promise.withResolvers<string>();
  first.promise.catch(() => undefined); // those who await it get the rejection, and `onFatal` is called anyway
  let state: State = { phase: "stopped" };
  let stopping = false;
  let standing = false;
  let everReady = false;
  let failures = 0;
  void options.mayFail.then(
    () => (standing = true),
    () => undefined,
  );

  // oxlint-disable-next-line max-lines-per-function -- how a child ends stands inside its start, because both are about the same run
  const start = (restored: Promise<unknown> = Promise.resolve()): void => {
    if (stopping) return;
    const child = spawn(process.execPath, [...plan.nodeOptions, plan.main, ...plan.args], {
      env: plan.env,
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      detached: true,
    });
    const gone = Promise.withResolvers<void>();
    state = { phase: "running", process: child, since: clock.now(), gone: gone.promise };
    if (child.stdout) {
      createInterface({ input: child.stdout }).on("line", (line) => {
        const url = readyUrl(line);
        if (url === undefined) return;
        everReady = true;
        first.resolve(url);
        options.onReady?.(url);
      });
    }
    const said = child.stderr && passLines(child.stderr, options.lines, clock);
    void Promise.all([plan.told, restored]).then(([variables]) => {
      if (variables !== undefined && child.connected) child.send(variables, () => undefined); // if the child is gone meanwhile, its next run gets them
    });
    child.once("error", (error) => {
      log.error({ child: plan.name, error: errorText(error) }, "child cannot be started");
      if (child.pid === undefined) ended(null, null);
    });
    child.once("exit", (code, signal) => {
      void Promise.resolve(said?.end()).then(() => ended(code, signal)); // its last lines say why
    });

    function ended(code: number | null, signal: NodeJS.Signals | null): void {
      gone.resolve();
      const lasted = state.phase === "running" ? clock.now() - state.since : 0;
      state = { phase: "stopped" };
      if (stopping) return;
      if (!standing) {
        void options.mayFail.then(
          () => start(),
          () => undefined,
        );
        return;
      }
      failures = lasted >= HEALTHY_MS ? 1 : failures + 1;
      const how = signal ?? `code ${code}`;
      if (code === EXIT_CONFIG || (!everReady && failures >= START_ATTEMPTS)) {
        const error = codedError("child_failed", `${plan.name} ended with ${how}; it says why above`, {
          cause: code, // whether starting all again would help
        });
        stopping = true;
        first.reject(error);
        options.onFatal(error);
        return;
      }
      const delay = restartDelay(failures);
      log.error({ child: plan.name, code, signal, restartInMs: delay }, "child ended, starting it again");
      const again = (): void => {
        const restored = restore();
        if (plan.told !== undefined) start(restored);
        else void restored.then(() => start());
      };
      state = { phase: "waiting", cancel: clock.after(delay, again) };
    }
  };
  start();

  async function restore(): Promise<void> {
    try {
      await options.beforeRestart?.();
    } catch (error) {
      const code = isCoded(error) ? { code: error.code } : {};
      log.error(
        { child: plan.name, ...code, err: errorText(error) },
        "what the child needs could not be restored",
      );
    }
  }

  return {
    name: plan.name,
    ready: first.promise,
    pid: () => (state.phase === "running" ? state.process.pid : undefined),
    async stop(graceMs) {
      stopping = true;
      if (state.phase === "waiting") state.cancel();
      if (state.phase !== "running") return;
      const { process: child, gone } = state;
      child.kill("SIGTERM");
      const cancel = clock.after(graceMs, () => {
        if (graceMs > 0) log.warn({ child: plan.name }, "child does not stop, killing it");
        child.kill("SIGKILL");
      });
      await gone;
      cancel();
    },
  };
}

/** URL in a ready line (`{"ready":true,"url":…}`); undefined for any other line. Pure. */
export function readyUrl(line: string): string | undefined {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== "object" || value === null || !("ready" in value) || value.ready !== true)
      return undefined;
    return "url" in value && typeof value.url === "string" ? value.url : undefined;
  } catch {
    return undefined;
  }
}
