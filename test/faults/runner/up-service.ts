import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { ReadyInfo } from "../../../src/cli/up/kept.ts";
import { natsServerPath } from "../../support/broker.ts";

/** `runner-relay up` under a service manager that restarts it when it is asked to. */
export type UpService = {
  /** URL of the gateway, which every start keeps. */
  url: string;
  /** SIGTERM, and a start as soon as it ended. How long it took to end, and from the signal until it is ready again. */
  restart(): Promise<{ stoppedMs: number; readyMs: number }>;
  [Symbol.asyncDispose](): Promise<void>;
};

const MAIN = new URL("../../../src/cli/main.ts", import.meta.url).pathname;
/** Limits for what hangs; a loaded machine takes many times as long as an idle one. */
const READY_MS = 60_000;
const LAST_RESORT_MS = 20_000;

/** `dir` is for data and logs, and left as it is. */
export async function startUpService(
  coordinatorUrl: string,
  dir: string,
  env: Record<string, string>,
): Promise<UpService> {
  const readyFile = join(dir, "ready.json");
  const binary = await natsServerPath();

  async function start(): Promise<{ child: ChildProcess; gateway: string }> {
    const log = openSync(join(dir, "up.log"), "a");
    const places = ["--data", join(dir, "data"), "--ready-file", readyFile];
    const child = spawn(process.execPath, [MAIN, "up", ...places, "--coordinator", coordinatorUrl], {
      env: { PATH: process.env["PATH"], HOME: dir, NATS_SERVER_BIN: binary, ...env },
      stdio: ["ignore", log, log],
    });
    closeSync(log);
    const end = Date.now() + READY_MS;
    for (;;) {
      const ready = await readFile(readyFile, "utf8").then(
        (text) => JSON.parse(text) as ReadyInfo,
        () => undefined,
      );
      if (ready !== undefined && ready.pid === child.pid) return { child, gateway: ready.gateway };
      if (child.exitCode !== null || Date.now() > end)
        throw new Error(`up is not ready: ${await readFile(join(dir, "up.log"), "utf8")}`);
      await delay(10);
    }
  }

  let running = await start();

  async function stop(): Promise<void> {
    const { child } = running;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    const lastResort = setTimeout(() => child.kill("SIGKILL"), LAST_RESORT_MS);
    await ended;
    clearTimeout(lastResort);
  }

  return {
    url: running.gateway,
    async restart() {
      const began = performance.now();
      await stop();
      const stoppedMs = performance.now() - began;
      running = await start();
      return { stoppedMs, readyMs: performance.now() - began };
    },
    async [Symbol.asyncDispose]() {
      await stop();
    },
  };
}
