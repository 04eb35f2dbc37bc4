import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { guarded, orphanGuard } from "../../../src/embedded/orphan.ts";
import { bareEnv } from "../../support/bare-env.ts";
import type { Part } from "./subject.ts";

const RESTART_MS = 50;
const READY_MS = 60_000;
const LOOK_MS = 50;
const STOP_MS = 8000;

export type Supervised = Part & AsyncDisposable & { pid(): number | undefined };

/** Runs a program, and starts it again whenever it ends. It is ready when its port answers; without one, when it runs. */
export async function startSupervised(options: {
  name: string;
  command: readonly [string, ...string[]];
  env?: Record<string, string>;
  logFile: string;
  port?: number;
}): Promise<Supervised> {
  const { name, command, port } = options;
  const [file, ...args] = guarded(orphanGuard(process.platform, process.env["PATH"]), command);
  let child: ChildProcess | undefined;
  let stopping = false;
  let downMs: number | undefined;

  async function keepRunning(): Promise<void> {
    while (!stopping) {
      const log = openSync(options.logFile, "a");
      child = spawn(file, args, { env: { ...bareEnv(), ...options.env }, stdio: ["pipe", log, log] });
      closeSync(log);
      await once(child, "exit");
      child = undefined;
      const pause = downMs ?? RESTART_MS;
      downMs = undefined;
      if (!stopping) await delay(pause);
    }
  }

  const isReady = async (): Promise<boolean> =>
    child !== undefined && (port === undefined || (await isOpen(port)));

  async function ready(): Promise<void> {
    for (const end = performance.now() + READY_MS; !(await isReady()); await delay(LOOK_MS))
      if (performance.now() > end) throw new Error(`${name} is not ready; see ${options.logFile}`);
  }

  const running = keepRunning();
  const part: Supervised = {
    name,
    pid: () => child?.pid,
    async kill9(down) {
      while (child === undefined) await delay(LOOK_MS);
      downMs = down;
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    },
    signal: (signal) => void child?.kill(signal),
    ready,
    async [Symbol.asyncDispose]() {
      stopping = true;
      child?.kill("SIGCONT"); // a stopped one hears nothing else
      child?.kill("SIGTERM");
      const lastResort = setTimeout(() => child?.kill("SIGKILL"), STOP_MS);
      await running;
      clearTimeout(lastResort);
    },
  };
  try {
    await ready();
    return part;
  } catch (error) {
    await part[Symbol.asyncDispose]();
    throw error;
  }
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}
