import { join } from "node:path";
import { loadSettings, type Environment } from "../shared/base/config/load.ts";
import { readPaths } from "../shared/base/config/setting.ts";
import { codedError, type ErrorCode } from "../shared/base/errors.ts";
import { EXIT_RETRY } from "../shared/base/fatal-exit.ts";
import { handedSocketIn } from "../shared/base/handed-socket.ts";
import { keptPortIn } from "../shared/base/kept-port.ts";
import type { Logger } from "../shared/base/logger.ts";
import { runProcess, type Begun, type Running } from "../shared/base/run-process.ts";
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
import { createRunnerFetch, readAddresses, tokensIn, type Runners } from "./runner/index.ts";
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

const load = (env: Environment): ReturnType<typeof loadSettings<typeof TABLE>> =>
  loadSettings(TABLE, { env, known: ALL_SETTINGS });

await runProcess({
  name: "serve",
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

/** How runners of pods are reached, by the settings. Throws `config_invalid`. */
function runnersOf(
  { runnerUrl, runnerTokens }: ReturnType<typeof load>["values"],
  log: Logger,
): Runners | undefined {
  if (runnerUrl === undefined) return undefined;
  const addresses = readAddresses(runnerUrl);
  const token = runnerTokens === undefined ? async () => undefined : tokensIn(runnerTokens, log);
  return { addresses, send: createRunnerFetch({ addresses, token, fetch }) };
}

async function start(begun: Begun<ReturnType<typeof load>["values"]>): Promise<Running> {
  const { values, env, args, dataDir, log, secrets, clock, linesDropped, fatal } = begun;
  const entrance = openAccess(values, { dataDir, clock, log, secrets, fetch });
  const handed = handedSocketIn(args, env, process.pid);
  if (handed.kind === "wrong") throw codedError("config_invalid", handed.detail);
  const { workspaceRoot } = values;
  const folders = workspaceRoot === undefined ? [join(dataDir, "workspaces")] : readPaths(workspaceRoot);
  begun.announce(values, env, { version: VERSION });
  const nc = await connectBroker(brokerAccess(values), {
    name: "serve",
    inboxPrefix: SERVE_INBOX,
    waitMs: BROKER_WAIT_MS,
  });
  const workspaces = createWorkspaces(await openWorkspaceRoots(folders));
  const running = await startServe(
    {
      version: VERSION,
      listen: values.sessionsListen,
      port: values.sessionsPort,
      keptPort: keptPortIn(args),
      ...(handed.kind === "socket" ? { handedSocket: handed.fd } : {}),
      maxBody: values.sessionsMaxBody,
      textDedupe: values.textDedupe,
      runners: runnersOf(values, log),
    },
    { nc, clock, log, entrance, workspaces, linesDropped, fatal },
  );
  const { url } = running;
  return {
    url,
    about: { url },
    words: "serve ready",
    async close() {
      await running.close();
      entrance.close();
    },
  };
}
