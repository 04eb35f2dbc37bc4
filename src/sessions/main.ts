import { join } from "node:path";
import { keptPortIn } from "../shared/base/kept-port.ts";
import { learnProgram, learnReach, reachOf } from "../shared/base/own-command.ts";
import { systemClock } from "../shared/base/clock.ts";
import { knownSecrets, loadSettings, redacted } from "../shared/base/config/load.ts";
import { readPaths } from "../shared/base/config/setting.ts";
import { dataFolder } from "../shared/base/data-folder.ts";
import type { ErrorCode } from "../shared/base/errors.ts";
import { createFatalExit, EXIT_RETRY } from "../shared/base/fatal-exit.ts";
import { createLogger, SecretRegistry } from "../shared/base/logger.ts";
import { speakForOthers } from "../shared/base/output/others-words.ts";
import { standardLines } from "../shared/base/output/standard.ts";
import { exitWithParent } from "../shared/base/parent.ts";
import { closeOnStopSignal } from "../shared/base/stop-signals.ts";
import { VERSION } from "../shared/base/version.ts";
import { BROKER_WAIT_MS, connectBroker, unreachableOr } from "../shared/log/broker.ts";
import { SERVE_INBOX } from "../shared/log/schema/subjects.ts";
import {
  ALL_SETTINGS,
  BROKER_SETTINGS,
  brokerAccess,
  COMMON_SETTINGS,
  SESSIONS_ACCESS_SETTINGS,
  SESSIONS_SETTINGS,
  WORKSPACE_SETTINGS,
} from "../shared/settings/index.ts";
import { openAccess } from "./access/open-access.ts";
import { createWorkspaces, openWorkspaceRoots } from "./access/workspaces.ts";
import { startServe } from "./serve.ts";

/** A stop that takes longer than this is cut short: a request waits 5 s for the broker at most. */
const LAST_RESORT_MS = 7000;

const NEEDS_SOMEBODY: readonly ErrorCode[] = [
  "config_invalid",
  "broker_refused",
  "listen_refused",
  "port_taken",
  "sessions_unavailable",
];

const TABLE = {
  ...COMMON_SETTINGS,
  ...BROKER_SETTINGS,
  ...SESSIONS_SETTINGS,
  ...SESSIONS_ACCESS_SETTINGS,
  workspaceRoot: WORKSPACE_SETTINGS.workspaceRoot,
};

const secrets = new SecretRegistry();
const stdout = standardLines(1, "serve");
const stderr = standardLines(2, "serve");
const fail = createFatalExit({
  name: "serve",
  stderr,
  secrets,
  needSomebody: NEEDS_SOMEBODY,
  otherwise: EXIT_RETRY,
});

exitWithParent();
await main().catch((error: unknown) => fail(unreachableOr(error)));

async function main(): Promise<void> {
  const { values } = loadSettings(TABLE, { env: process.env, known: ALL_SETTINGS });
  for (const secret of knownSecrets(TABLE, values, process.env)) secrets.add(secret);
  const log = createLogger({ name: "serve", level: values.logLevel, lines: stderr, secrets });
  speakForOthers(log, fail);
  learnProgram(process.env);
  const dataDir = dataFolder(values.data, process.env);
  learnReach(reachOf(dataDir, process.env));
  const entrance = openAccess(values, { dataDir, clock: systemClock, log, secrets, fetch });
  const { workspaceRoot } = values;
  const folders = workspaceRoot === undefined ? [join(dataDir, "workspaces")] : readPaths(workspaceRoot);
  log.info({ version: VERSION, settings: redacted(TABLE, values) }, "serve starting");
  const nc = await connectBroker(brokerAccess(values), {
    name: "serve",
    inboxPrefix: SERVE_INBOX,
    waitMs: BROKER_WAIT_MS,
  });
  const running = await startServe(
    {
      version: VERSION,
      listen: values.sessionsListen,
      port: values.sessionsPort,
      keptPort: keptPortIn(process.argv),
      maxBody: values.sessionsMaxBody,
      textDedupe: values.textDedupe,
    },
    {
      nc,
      clock: systemClock,
      log,
      entrance,
      workspaces: createWorkspaces(await openWorkspaceRoots(folders)),
      linesDropped: stderr.dropped,
      fatal: fail,
    },
  );
  const { url } = running;
  stdout.write(`${JSON.stringify({ ready: true, url })}\n`);
  log.info({ url }, "serve ready");
  const close = async (): Promise<void> => {
    await running.close();
    entrance.close();
  };
  closeOnStopSignal({ name: "serve", logger: log, close, lastResortMs: LAST_RESORT_MS, fail });
}
