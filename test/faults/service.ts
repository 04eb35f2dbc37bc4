import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "../../src/cli/up/free-port.ts";
import { OF_GATEWAY, OF_SERVE, OF_WORKER, SMALL, type ChildMemory } from "../../src/cli/up/child-memory.ts";
import { bareEnv } from "../support/bare-env.ts";

/** A process that is started again whenever it ends, as a supervisor does. */
export type Service = {
  name: string;
  /** URL of the newest ready line. */
  url(): string;
  /** URL of every ready line so far. */
  urls: readonly string[];
  /** Milliseconds from each end to the next ready line. */
  downtimes: readonly number[];
  /** Ends that nobody asked for, with the exit code and the code of the error. */
  surprises: readonly string[];
  pid(): number | undefined;
  /** SIGKILL; returns when it is gone. It is started again `downMs` later. Waits for a start that is due. */
  kill9(downMs?: number): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  /** Returns when the run that is on, or the next, is ready. */
  ready(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

/** As `up` starts them. */
const MEMORY: Record<string, ChildMemory> = {
  "gateway/main.ts": OF_GATEWAY,
  "sessions/main.ts": OF_SERVE,
  "worker/main.ts": OF_WORKER,
};
const RESTART_MS = 50;
/** Limit for a process that hangs at its start; a loaded machine takes many times as long as an idle one. */
const READY_MS = 60_000;

/**
 * Runs `main` on this Node with nothing but `env` and PATH; stderr goes to `logFile`. The IPC channel ends it with us, should we be killed.
 */
export async function startService(options: {
  name: string;
  main: string;
  env: Record<string, string>;
  /** More flags for Node. */
  nodeOptions?: readonly string[];
  logFile: string;
  journal: (what: string) => void;
  /** A run is about to be killed, or has ended. */
  crashed?: () => void;
}): Promise<Service> {
  const { name, journal } = options;
  const isGateway = options.main === "gateway/main.ts";
  const memory = MEMORY[options.main] ?? SMALL;
  // not the usual ones, where another program of this machine could listen while ours is dead
  const port: Record<string, string> = isGateway
    ? { RUNNER_RELAY_PORT: String(await freePort()) }
    : { RUNNER_RELAY_ADMIN_PORT: "0" };
  const main = new URL(`../../src/${options.main}`, import.meta.url).pathname;
  const urls: string[] = [];
  const downtimes: number[] = [];
  let endedAt: number | undefined;
  const surprises: string[] = [];
  let child: ChildProcess | undefined;
  let isReady = false;
  let downMs: number | undefined;
  let changed = Promise.withResolvers<void>();
  let stopping = false;

  function tell(): void {
    changed.resolve();
    changed = Promise.withResolvers<void>();
  }

  async function keepRunning(): Promise<void> {
    while (!stopping) {
      const log = openSync(options.logFile, "a");
      const run = spawn(process.execPath, [...memory.nodeOptions, ...(options.nodeOptions ?? []), main], {
        env: { ...bareEnv(), ...memory.env, ...port, RUNNER_RELAY_LOG_LEVEL: "info", ...options.env },
        stdio: ["ignore", "pipe", log, "ipc"],
      });
      closeSync(log);
      if (run.stdout !== null) createInterface({ input: run.stdout }).on("line", onLine);
      child = run;
      tell();
      const [code, signal] = (await once(run, "exit")) as [number | null, NodeJS.Signals | null];
      child = undefined;
      isReady = false;
      options.crashed?.();
      journal(`${name} ended: ${signal ?? `exit ${code}`}`);
      endedAt ??= performance.now();
      if (!stopping && downMs === undefined)
        surprises.push(signal ?? `exit ${code}${reasonOf(options.logFile)}`);
      const pause = downMs ?? RESTART_MS;
      downMs = undefined;
      tell();
      if (!stopping) await delay(pause);
    }
  }

  function onLine(line: string): void {
    const { ready, url } = JSON.parse(line) as { ready?: boolean; url?: string };
    if (ready !== true) return;
    if (url !== undefined) urls.push(url);
    journal(`${name} ready`);
    if (endedAt !== undefined) downtimes.push(performance.now() - endedAt);
    endedAt = undefined;
    isReady = true;
    tell();
  }

  async function until(condition: () => boolean): Promise<void> {
    while (!condition()) await changed.promise;
  }

  const running = keepRunning();
  const service: Service = {
    name,
    url: () => urls.at(-1) ?? "",
    urls,
    downtimes,
    surprises,
    pid: () => child?.pid,
    async kill9(down = RESTART_MS) {
      await until(() => child !== undefined);
      const victim = child;
      downMs = down;
      options.crashed?.();
      victim?.kill("SIGKILL");
      await until(() => child !== victim);
    },
    signal(signal) {
      journal(`${name} gets ${signal}`);
      child?.kill(signal);
    },
    ready: () => until(() => isReady),
    async [Symbol.asyncDispose]() {
      stopping = true;
      const last = child;
      last?.kill("SIGCONT"); // a stopped one hears nothing else
      last?.kill("SIGTERM");
      const lastResort = setTimeout(() => last?.kill("SIGKILL"), 8000);
      await running;
      clearTimeout(lastResort);
    },
  };
  const late = delay(READY_MS, undefined, { ref: false }).then(() => {
    throw new Error(
      `${name} is not ready after ${READY_MS / 1000} s: ${surprises.join(", ")}; see ${options.logFile}`,
    );
  });
  try {
    await Promise.race([service.ready(), late]);
  } catch (error) {
    await service[Symbol.asyncDispose]();
    throw error;
  }
  return service;
}

/** Code of the error that a process said last, in brackets; empty for none. */
function reasonOf(logFile: string): string {
  const last = readFileSync(logFile, "utf8").trimEnd().split("\n").at(-1) ?? "";
  const [, code] = /"level":60,.*?"code":"(\w+)"/.exec(last) ?? [];
  return code === undefined ? "" : ` (${code})`;
}
