import { keptPortIn } from "../shared/base/kept-port.ts";
import { learnProgram, learnReach, reachOf } from "../shared/base/own-command.ts";
import { systemClock } from "../shared/base/clock.ts";
import { knownSecrets, loadSettings, redacted } from "../shared/base/config/load.ts";
import { dataFolder } from "../shared/base/data-folder.ts";
import { codedError, type ErrorCode } from "../shared/base/errors.ts";
import { createFatalExit, EXIT_RETRY } from "../shared/base/fatal-exit.ts";
import { createLogger, SecretRegistry } from "../shared/base/logger.ts";
import { speakForOthers } from "../shared/base/output/others-words.ts";
import { standardLines } from "../shared/base/output/standard.ts";
import { exitWithParent } from "../shared/base/parent.ts";
import { closeOnStopSignal } from "../shared/base/stop-signals.ts";
import { VERSION } from "../shared/base/version.ts";
import { secretProblem } from "../shared/http/door/secret.ts";
import { BROKER_WAIT_MS, connectBroker, unreachableOr } from "../shared/log/broker.ts";
import { SERVE_INBOX } from "../shared/log/schema/subjects.ts";
import {
  ALL_SETTINGS,
  BROKER_SETTINGS,
  brokerAccess,
  COMMON_SETTINGS,
  SESSIONS_SETTINGS,
} from "../shared/settings/index.ts";
import { singleKeyAccess } from "./access/single-key.ts";
import { ANY_WORKSPACE } from "./core/workspaces.ts";
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

const TABLE = { ...COMMON_SETTINGS, ...BROKER_SETTINGS, ...SESSIONS_SETTINGS };

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
  learnReach(reachOf(dataFolder(values.data, process.env), process.env));
  const key = keyOf(values.sessionsApiKey);
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
    },
    {
      nc,
      clock: systemClock,
      log,
      access: singleKeyAccess(key),
      workspaces: ANY_WORKSPACE,
      linesDropped: stderr.dropped,
      fatal: fail,
    },
  );
  const { url } = running;
  stdout.write(`${JSON.stringify({ ready: true, url })}\n`);
  log.info({ url }, "serve ready");
  const close = (): Promise<void> => running.close();
  closeOnStopSignal({ name: "serve", logger: log, close, lastResortMs: LAST_RESORT_MS, fail });
}

/** Throws `config_invalid`: any program of this machine could run agents without a key. */
function keyOf(chosen: string | undefined): string {
  if (chosen === undefined)
    throw codedError(
      "config_invalid",
      "RUNNER_RELAY_SESSIONS_API_KEY is needed: without a key, any program could run agents",
    );
  const problem = secretProblem(chosen);
  if (problem !== undefined) throw codedError("config_invalid", `RUNNER_RELAY_SESSIONS_API_KEY ${problem}`);
  return chosen;
}
