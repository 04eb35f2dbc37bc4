import { join } from "node:path";
import { keptPortIn } from "../shared/base/kept-port.ts";
import { learnProgram, learnReach, ownCommand, reachOf } from "../shared/base/own-command.ts";
import { systemClock } from "../shared/base/clock.ts";
import { knownSecrets, loadSettings, redacted } from "../shared/base/config/load.ts";
import { dataFolder } from "../shared/base/data-folder.ts";
import { codedError, isCoded, type ErrorCode } from "../shared/base/errors.ts";
import { createFatalExit, EXIT_RETRY } from "../shared/base/fatal-exit.ts";
import { createLogger, SecretRegistry } from "../shared/base/logger.ts";
import { speakForOthers } from "../shared/base/output/others-words.ts";
import { standardLines } from "../shared/base/output/standard.ts";
import { exitWithParent } from "../shared/base/parent.ts";
import { closeOnStopSignal } from "../shared/base/stop-signals.ts";
import { VERSION } from "../shared/base/version.ts";
import { pageTokenOf } from "../shared/http/door/page-token.ts";
import { PAGE_TOKEN_FILE } from "../shared/http/door/secret-file.ts";
import { BROKER_WAIT_MS, connectBroker, unreachableOr } from "../shared/log/broker.ts";
import { CONSOLE_INBOX } from "../shared/log/schema/subjects.ts";
import {
  ALL_SETTINGS,
  BROKER_SETTINGS,
  brokerAccess,
  COMMON_SETTINGS,
  CONSOLE_SETTINGS,
} from "../shared/settings/index.ts";
import { startConsole } from "./console.ts";

/** A stop that takes longer than this is cut short: no event depends on the console. */
const LAST_RESORT_MS = 2000;

const NEEDS_SOMEBODY: readonly ErrorCode[] = [
  "config_invalid",
  "broker_refused",
  "data_unusable",
  "listen_refused",
  "port_taken",
];

const TABLE = { ...COMMON_SETTINGS, ...BROKER_SETTINGS, ...CONSOLE_SETTINGS };

const secrets = new SecretRegistry();
const stdout = standardLines(1, "console");
const stderr = standardLines(2, "console");
const fail = createFatalExit({
  name: "console",
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
  const log = createLogger({ name: "console", level: values.logLevel, lines: stderr, secrets });
  speakForOthers(log, fail);
  if (values.statusPage === "off")
    throw codedError("config_invalid", "RUNNER_RELAY_STATUS_PAGE is off, so the console has nothing to show");
  const dataDir = dataFolder(values.data, process.env);
  learnProgram(process.env);
  learnReach(reachOf(dataDir, process.env));
  const token = tokenOf(values.pageToken, dataDir);
  secrets.add(token);
  log.info({ version: VERSION, settings: redacted(TABLE, values) }, "console starting");
  const nc = await connectBroker(brokerAccess(values), {
    name: "console",
    inboxPrefix: CONSOLE_INBOX,
    waitMs: BROKER_WAIT_MS,
  });
  const running = await startConsole(
    {
      version: VERSION,
      listen: values.consoleListen,
      port: values.consolePort,
      keptPort: keptPortIn(process.argv),
      token,
      mayAct: values.statusPage === "on",
      sync: {
        ...(values.brokerConfig === undefined ? {} : { configFile: values.brokerConfig }),
        ...(values.brokerMonitor === undefined ? {} : { monitor: values.brokerMonitor }),
      },
    },
    { nc, clock: systemClock, log, fatal: fail },
  );
  const { url } = running;
  stdout.write(`${JSON.stringify({ ready: true, url })}\n`);
  const tokenFrom =
    values.pageToken === undefined ? join(dataDir, PAGE_TOKEN_FILE) : "RUNNER_RELAY_PAGE_TOKEN";
  log.info({ url, tokenFrom }, `console ready; \`${ownCommand("page")}\` prints the page's address`);

  const close = (): Promise<void> => running.close();
  closeOnStopSignal({ name: "console", logger: log, close, lastResortMs: LAST_RESORT_MS, fail });
}

/** Throws `config_invalid` and `data_unusable`. Unlike a relay, a console without a token is of no use. */
function tokenOf(chosen: string | undefined, dataDir: string): string {
  try {
    return pageTokenOf(chosen, dataDir);
  } catch (cause) {
    if (!isCoded(cause, "data_unusable")) throw cause;
    const todo = "set RUNNER_RELAY_DATA to a folder, or RUNNER_RELAY_PAGE_TOKEN_FILE to a token file";
    throw codedError("data_unusable", `the console's token cannot be saved: ${cause.message}; ${todo}`, {
      cause,
    });
  }
}
