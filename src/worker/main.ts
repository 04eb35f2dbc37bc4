import { hostname } from "node:os";
import { join } from "node:path";
import { agentsOf } from "../agents/named.ts";
import { createAliveFile } from "../shared/base/alive-file.ts";
import { loadSettings, type Environment } from "../shared/base/config/load.ts";
import { readPaths } from "../shared/base/config/setting.ts";
import type { ErrorCode } from "../shared/base/errors.ts";
import { EXIT_RETRY } from "../shared/base/fatal-exit.ts";
import { runProcess, type Begun, type Running } from "../shared/base/run-process.ts";
import { startTracing } from "../shared/base/tracing.ts";
import { VERSION } from "../shared/base/version.ts";
import { BROKER_WAIT_MS, connectBroker, unreachableOr } from "../shared/log/broker.ts";
import { WORKER_INBOX } from "../shared/log/schema/subjects.ts";
import {
  ALL_SETTINGS,
  BROKER_SETTINGS,
  brokerAccess,
  COMMON_SETTINGS,
  SESSION_LIMITS,
  WORKER_SETTINGS,
  WORKSPACE_SETTINGS,
} from "../shared/settings/index.ts";
import { planOf } from "./credentials/settings.ts";
import { machineMemory } from "../guard/memory.ts";
import { startWorkerProcess } from "./process.ts";
import { machineId } from "./roots/machine-id.ts";
import { openRoots } from "./roots/root.ts";

/** An agent has 5 s to end; what it does not heed is killed then. */
const LAST_RESORT_MS = 8000;

const NEEDS_SOMEBODY: readonly ErrorCode[] = ["config_invalid", "broker_refused", "data_unusable"];

const TABLE = {
  ...COMMON_SETTINGS,
  ...BROKER_SETTINGS,
  ...WORKSPACE_SETTINGS,
  ...WORKER_SETTINGS,
  ...SESSION_LIMITS,
};

const load = (env: Environment): ReturnType<typeof loadSettings<typeof TABLE>> =>
  loadSettings(TABLE, { env, known: ALL_SETTINGS });

await runProcess({
  name: "worker",
  env: process.env,
  args: process.argv,
  table: TABLE,
  load,
  needSomebody: NEEDS_SOMEBODY,
  otherwise: EXIT_RETRY,
  lastResortMs: LAST_RESORT_MS,
  explain: unreachableOr,
  start,
});

async function start(begun: Begun<ReturnType<typeof load>["values"]>): Promise<Running> {
  const { values, secretFiles, env, dataDir, log, clock, secrets, fatal } = begun;
  const name = values.worker ?? `${hostname()}-${process.pid}`;
  const key = env["ANTHROPIC_API_KEY"];
  if (key !== undefined) secrets.add(key);
  const agents = agentsOf(values, {
    env,
    folder: join(dataDir, "agents"),
    root: process.getuid?.() === 0,
    clock,
  });
  const folders =
    values.workspaceRoot === undefined ? [join(dataDir, "workspaces")] : readPaths(values.workspaceRoot);
  const roots = openRoots(folders, machineId(dataDir));
  const plan = planOf(values);
  begun.announce(values, env, { version: VERSION, worker: name });
  const alive = createAliveFile(values.aliveFile, clock);
  const nc = await connectBroker(brokerAccess(values), {
    name: `worker ${name}`,
    inboxPrefix: WORKER_INBOX,
    waitMs: BROKER_WAIT_MS,
  });
  const about = { service: "runner-relay-worker", instance: name, version: VERSION };
  const tracing = await startTracing({ env, process: about, log, secrets });
  const running = await startWorkerProcess(
    {
      name,
      agents,
      roots,
      shared: values.workspaceShared,
      maxBytes: values.sessionsRetentionBytes,
      maxTurnMs: values.turnMaxTime,
      mostMemory: values.agentMemory ?? machineMemory() / 2,
      env,
      pidFolder: join(dataDir, "agents", "pids"),
      credentials: {
        plan,
        token: { value: values.credentialsToken, file: secretFiles["credentialsToken"] },
        learn: (token) => secrets.add(token),
        folder: join(dataDir, "agents"),
        env,
      },
    },
    { nc, clock, log, tracing, fatal },
  );
  alive.start();
  return {
    about: { worker: name, agent: values.agent, roots: roots.map(({ path }) => path) },
    words: "worker ready",
    async close() {
      alive.stop();
      await running.close();
      await tracing?.close();
    },
  };
}
