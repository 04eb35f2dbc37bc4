import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { NatsConnection } from "@nats-io/nats-core";
import type { ReadyInfo } from "../../src/cli/up/kept.ts";
import { readKept } from "../../src/embedded/kept.ts";
import { connectBroker } from "../../src/shared/log/broker.ts";
import { OPERATOR_INBOX } from "../../src/shared/log/schema/subjects.ts";
import { bareEnv } from "../support/bare-env.ts";

/** `up` as a process, in a data folder of its own, with a supervisor that starts it again at once. */
export type SupervisedUp = {
  url: string;
  /** URL of its sessions server. */
  sessions: string;
  /** SIGTERM, and the next run as soon as the process is gone: its exit code, and how long it took to end. Returns before the next run is ready. */
  restart(): Promise<{ code: number | null; stopMs: number }>;
  /** Returns when the run that is on is ready; milliseconds since it was started. */
  ready(): Promise<number>;
  /** A connection to its broker as the operator. */
  operator(): Promise<NatsConnection>;
  [Symbol.asyncDispose](): Promise<void>;
};

const MAIN = new URL("../../src/cli/main.ts", import.meta.url).pathname;
/** A loaded machine takes many times as long as an idle one. */
const READY_MS = 60_000;

export async function startSupervisedUp(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<SupervisedUp> {
  const folder = await mkdtemp(join(tmpdir(), "rr-restart-"));
  const dataDir = join(folder, "data");
  const readyFile = join(folder, "ready.json");
  let [run, startedAt] = start();

  function start(): [ChildProcess, number] {
    const log = openSync(join(folder, "up.log"), "a");
    const child = spawn(
      process.execPath,
      [MAIN, "up", "--data", dataDir, "--ready-file", readyFile, ...args],
      { env: { ...bareEnv(), HOME: process.env["HOME"], ...env }, stdio: ["ignore", "ignore", log] },
    );
    closeSync(log);
    return [child, performance.now()];
  }

  async function ready(): Promise<ReadyInfo> {
    for (const end = performance.now() + READY_MS; performance.now() < end; await delay(10)) {
      if (run.exitCode !== null) break;
      try {
        const info = JSON.parse(readFileSync(readyFile, "utf8")) as ReadyInfo;
        if (info.pid === run.pid) return info;
      } catch {
        // not yet
      }
    }
    throw new Error(`up is not ready: ${readFileSync(join(folder, "up.log"), "utf8").slice(-2000)}`);
  }

  async function stop(): Promise<number | null> {
    if (run.exitCode !== null || run.signalCode !== null) return run.exitCode;
    const gone = once(run, "exit");
    run.kill("SIGTERM");
    const [code] = (await gone) as [number | null];
    return code;
  }

  const dispose = async (): Promise<void> => {
    await stop();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  const {
    gateway: url,
    nats,
    sessions = "",
  } = await ready().catch(async (error: unknown) => {
    await dispose();
    throw error;
  });
  return {
    url,
    sessions,
    async restart() {
      const from = performance.now();
      const code = await stop();
      const stopMs = performance.now() - from;
      [run, startedAt] = start();
      return { code, stopMs };
    },
    async ready() {
      await ready();
      return performance.now() - startedAt;
    },
    operator() {
      const { passwords } = readKept(dataDir);
      const access = { servers: [nats], user: "operator", password: passwords["operator"] ?? "" };
      return connectBroker(access, { name: "campaign", inboxPrefix: OPERATOR_INBOX });
    },
    [Symbol.asyncDispose]: dispose,
  };
}
