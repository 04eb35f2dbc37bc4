import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import type { Clock } from "../../shared/base/clock.ts";
import { socketArgument } from "../../shared/base/handed-socket.ts";
import { keptPortArgument } from "../../shared/base/kept-port.ts";
import type { Logger } from "../../shared/base/logger.ts";
import type { Lines } from "../../shared/base/output/lines.ts";
import { passLines } from "./child-lines.ts";
import { lastWordsIn, type LastWords } from "./last-words.ts";

/** How to start one of our processes: which `main.ts`, with which options and variables. */
export type ChildPlan = {
  name: string;
  /** Path of its composition root. */
  main: string;
  args: readonly string[];
  /** The port that its last run had. It tries that one first. */
  keptPort?: number | undefined;
  /** A socket that stays open between its runs, and gets its clients meanwhile. */
  socket?: { fd: number } | undefined;
  env: Record<string, string>;
  /**
   * Variables that are not known yet when the child starts. They are sent to it in each of its runs. Such a child may run before what it needs is there, so
   * it is started again at once, and gets its variables when everything is restored.
   */
  told?: Promise<Record<string, string>>;
  /** Options of Node itself. */
  nodeOptions: readonly string[];
};

/** Where a child finds its socket: behind its standard streams. */
const SOCKET_FD = 3;

/** How a run ended. Both are null if it could not be started. */
export type RunEnd = { code: number | null; signal: NodeJS.Signals | null; words: LastWords | undefined };

/** One run of a child. */
export type ChildRun = {
  process: ChildProcess;
  /** Monotonic time of its start. */
  since: number;
  /** Settles when it has ended and its last lines are passed on, because they say why. */
  ended: Promise<RunEnd>;
};

/**
 * Starts a process. It has a process group of its own, so that Ctrl-C in a terminal reaches the supervisor alone. It holds an IPC channel, and ends when
 * that closes, because the supervisor is gone then.
 */
export function runChild(options: {
  plan: ChildPlan;
  /** Settles when everything that it needs is restored; then it gets its variables. */
  restored: Promise<unknown>;
  lines: Lines;
  clock: Clock;
  log: Logger;
  /** Its ready line, with its URL. */
  onReady: (url: string) => void;
}): ChildRun {
  const { plan, lines, clock, log } = options;
  const child = spawn(process.execPath, argumentsOf(plan), {
    env: plan.env,
    stdio: ["ignore", "pipe", "pipe", ...(plan.socket === undefined ? [] : [plan.socket.fd]), "ipc"],
    detached: true,
  });
  const ended = Promise.withResolvers<RunEnd>();
  let words: LastWords | undefined;
  if (child.stdout) {
    createInterface({ input: child.stdout }).on("line", (line) => {
      const url = readyUrl(line);
      if (url !== undefined) options.onReady(url);
    });
  }
  const notice = (text: string): void => void (words = lastWordsIn(text) ?? words);
  const said = child.stderr && passLines(child.stderr, lines, clock, notice);
  void Promise.all([plan.told, options.restored]).then(([variables]) => {
    if (variables !== undefined && child.connected) child.send(variables, () => undefined); // if the child is gone meanwhile, its next run gets them
  });
  child.once("error", (error) => {
    log.error({ child: plan.name, error: error.message }, "child cannot be started");
    if (child.pid === undefined) ended.resolve({ code: null, signal: null, words });
  });
  child.once("exit", (code, signal) => {
    void Promise.resolve(said?.end()).then(() => ended.resolve({ code, signal, words }));
  });
  return { process: child, since: clock.now(), ended: ended.promise };
}

function argumentsOf({ nodeOptions, main, args, keptPort, socket }: ChildPlan): string[] {
  const port = keptPort === undefined ? [] : [keptPortArgument(keptPort)];
  return [
    ...nodeOptions,
    main,
    ...args,
    ...port,
    ...(socket === undefined ? [] : [socketArgument(SOCKET_FD)]),
  ];
}

/** URL in a ready line (`{"ready":true,"url":…}`), empty if the process listens nowhere; undefined for any other line. Pure. */
export function readyUrl(line: string): string | undefined {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== "object" || value === null || !("ready" in value) || value.ready !== true)
      return undefined;
    return "url" in value && typeof value.url === "string" ? value.url : "";
  } catch {
    return undefined;
  }
}
