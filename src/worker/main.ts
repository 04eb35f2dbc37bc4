import { hostname } from "node:os";
import { join } from "node:path";
import { agentsOf } from "../agents/named.ts";
import { systemClock } from "../shared/base/clock.ts";
import { knownSecrets, loadSettings, redacted } from "../shared/base/config/load.ts";
import { readPaths } from "../shared/base/config/setting.ts";
import { dataFolder } from "../shared/base/data-folder.ts";
import type { ErrorCode } from "../shared/base/errors.ts";
import { createFatalExit, EXIT_RETRY } from "../shared/base/fatal-exit.ts";
import { createLogger, SecretRegistry } from "../shared/base/logger.ts";
import { speakForOthers } from "../shared/base/output/others-words.ts";
import { standardLines } from "../shared/base/output/standard.ts";
import { learnProgram, learnReach, reachOf } from "../shared/base/own-command.ts";
import { makeOwnFolder } from "../shared/base/own-folder.ts";
import { exitWithParent, UNDER_UP } from "../shared/base/parent.ts";
import { closeOnStopSignal } from "../shared/base/stop-signals.ts";
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

const secrets = new SecretRegistry();
const stdout = standardLines(1, "worker");
const stderr = standardLines(2, "worker");
const fail = createFatalExit({
  name: "worker",
  stderr,
  secrets,
  needSomebody: NEEDS_SOMEBODY,
  otherwise: EXIT_RETRY,
});

exitWithParent();
await main().catch((error: unknown) => fail(unreachableOr(error)));

async function main(): Promise<void> {
  const { env } = process;
  const { values } = loadSettings(TABLE, { env, known: ALL_SETTINGS });
  for (const secret of knownSecrets(TABLE, values, env)) secrets.add(secret);
  const log = createLogger({ name: "worker", level: values.logLevel, lines: stderr, secrets });
  speakForOthers(log, fail);
  const dataDir = dataFolder(values.data, env);
  learnProgram(env);
  learnReach(reachOf(dataDir, env));
  const name = values.worker ?? `${hostname()}-${process.pid}`;
  const agents = agentsOf(values);
  // under `up` a data folder that is gone was removed or moved away: one in its place would hide that
  if (!process.argv.includes(UNDER_UP)) makeOwnFolder(dataDir);
  const folders =
    values.workspaceRoot === undefined ? [join(dataDir, "workspaces")] : readPaths(values.workspaceRoot);
  const roots = openRoots(folders, machineId(dataDir));
  log.info({ version: VERSION, worker: name, settings: redacted(TABLE, values) }, "worker starting");
  const nc = await connectBroker(brokerAccess(values), {
    name: `worker ${name}`,
    inboxPrefix: WORKER_INBOX,
    waitMs: BROKER_WAIT_MS,
  });
  const running = await startWorkerProcess(
    { name, agents, roots, shared: values.workspaceShared, maxBytes: values.sessionsRetentionBytes, env },
    { nc, clock: systemClock, log, fatal: fail },
  );
  stdout.write(`${JSON.stringify({ ready: true })}\n`);
  log.info({ worker: name, agent: values.agent, roots: roots.map(({ path }) => path) }, "worker ready");
  const close = (): Promise<void> => running.close();
  closeOnStopSignal({ name: "worker", logger: log, close, lastResortMs: LAST_RESORT_MS, fail });
}
