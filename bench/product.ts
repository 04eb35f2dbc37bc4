import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { provision } from "../src/shared/log/provision/provision.ts";
import { brokerVariables } from "../src/cli/up/environment.ts";
import { OF_GATEWAY, OF_SERVE, OF_WORKER, SMALL, type ChildMemory } from "../src/cli/up/child-memory.ts";
import { compileCacheFolder } from "../src/cli/folders.ts";
import { readyUrl } from "../src/cli/up/child-run.ts";
import { startTestBroker, type TestBroker } from "../test/support/broker.ts";
import { mainOf } from "./built.ts";

const LOG_BYTES = 4 * 1024 ** 3;

/** One process of the product. */
export type Product = {
  url: string;
  pid: number;
  [Symbol.asyncDispose](): Promise<void>;
};

/** A broker with the log on it. `sync`: every write is synced, as on one machine; without it as in replicated deployments. */
export async function startLog(sync: boolean): Promise<TestBroker> {
  const broker = await startTestBroker({ sync });
  await provision(await broker.connect("admin"), { logBytes: LOG_BYTES });
  await broker.linkStaging();
  return broker;
}

/** Folder for `--cpu-prof` of gateway and relay, or none. */
export type Profile = string | undefined;

/** A gateway as `up` starts it. */
export async function startGateway(broker: TestBroker, profile: Profile): Promise<Product> {
  const dataDir = await mkdtemp(join(tmpdir(), "rr-bench-"));
  const gateway = await startMain("gateway", nodeOptions("gateway", profile), {
    ...brokerVariables(broker.access("gateway", "gw1")),
    RUNNER_RELAY_DATA: dataDir,
    RUNNER_RELAY_BROKER_CONFIG: broker.configFile,
    RUNNER_RELAY_HOSTNAME: "bench",
    RUNNER_RELAY_LOG_LEVEL: "warn",
  });
  return {
    ...gateway,
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** A relay as `up` starts it; `env` adds settings. */
export function startRelay(
  broker: TestBroker,
  coordinatorUrl: string,
  profile: Profile,
  env: Record<string, string> = {},
): Promise<Product> {
  return startMain("relay", nodeOptions("relay", profile), {
    ...brokerVariables(broker.access("relay")),
    RUNNER_RELAY_COORDINATOR_URL: coordinatorUrl,
    RUNNER_RELAY_LOG_LEVEL: "warn",
    ...env,
  });
}

/** A server of sessions as `up` starts it, with one key. */
export function startServe(broker: TestBroker, key: string, profile: Profile): Promise<Product> {
  return startMain("sessions", nodeOptions("sessions", profile), {
    ...brokerVariables(broker.access("serve")),
    RUNNER_RELAY_SESSIONS_PORT: "0",
    RUNNER_RELAY_SESSIONS_API_KEY: key,
    RUNNER_RELAY_LOG_LEVEL: "warn",
  });
}

/** A worker as `up` starts it, whose agent is the program behind a URL. */
export function startWorker(
  broker: TestBroker,
  { dataDir, agentUrl }: { dataDir: string; agentUrl: string },
  profile: Profile,
): Promise<Product> {
  return startMain("worker", nodeOptions("worker", profile), {
    ...brokerVariables(broker.access("worker")),
    RUNNER_RELAY_DATA: dataDir,
    RUNNER_RELAY_AGENT: "http",
    RUNNER_RELAY_AGENT_HTTP_URL: agentUrl,
    RUNNER_RELAY_LOG_LEVEL: "warn",
  });
}

/** The stand-in coordinator, which creates sessions by itself. */
export function startStandIn(): Promise<Product> {
  return startMain("standin", [], {
    RUNNER_RELAY_COORDINATOR_PORT: "0",
    RUNNER_RELAY_COORDINATOR_AUTO_CREATE: "true",
    RUNNER_RELAY_LOG_LEVEL: "warn",
  });
}

/** Code that is kept compiled, as `up` does: a process that compiles everything needs 17 MB more from then on. */
const compiled = compileCacheFolder(process.env);
export const COMPILED = compiled === undefined ? {} : { NODE_COMPILE_CACHE: compiled };

const MEMORY: Record<string, ChildMemory> = { gateway: OF_GATEWAY, sessions: OF_SERVE, worker: OF_WORKER };

function nodeOptions(name: string, profile: Profile): string[] {
  const profiling =
    profile === undefined
      ? []
      : ["--cpu-prof", `--cpu-prof-dir=${profile}`, `--cpu-prof-name=${name}-${Date.now()}.cpuprofile`];
  return [...(MEMORY[name] ?? SMALL).nodeOptions, ...profiling];
}

async function startMain(part: string, options: string[], env: Record<string, string>): Promise<Product> {
  const child = spawn(process.execPath, [...options, mainOf(part)], {
    env: { PATH: process.env["PATH"], ...COMPILED, ...SMALL.env, ...env }, // as `up` does
    stdio: ["ignore", "pipe", "inherit", "ipc"],
  });
  const ended = once(child, "exit");
  const lines = createInterface({ input: child.stdout ?? process.stdin });
  const ready = new Promise<string>((resolve) => {
    lines.on("line", (line) => {
      const url = readyUrl(line);
      if (url !== undefined) resolve(url);
    });
  });
  const url = await Promise.race([
    ready,
    ended.then(([code]) => Promise.reject(new Error(`${part} ended with code ${code} before it was ready`))),
  ]);
  return {
    url,
    pid: child.pid ?? 0,
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await ended;
    },
  };
}
