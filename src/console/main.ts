import { join } from "node:path";
import { loadSettings, type Environment } from "../shared/base/config/load.ts";
import { codedError, isCoded, type ErrorCode } from "../shared/base/errors.ts";
import { EXIT_RETRY } from "../shared/base/fatal-exit.ts";
import { keptPortIn } from "../shared/base/kept-port.ts";
import { ownCommand } from "../shared/base/own-command.ts";
import { runProcess, type Begun, type Running } from "../shared/base/run-process.ts";
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

const load = (env: Environment): ReturnType<typeof loadSettings<typeof TABLE>> =>
  loadSettings(TABLE, { env, known: ALL_SETTINGS });

await runProcess({
  name: "console",
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
  const { values, env, args, dataDir, log, secrets, clock, fatal } = begun;
  if (values.statusPage === "off")
    throw codedError("config_invalid", "RUNNER_RELAY_STATUS_PAGE is off, so the console has nothing to show");
  const token = tokenOf(values.pageToken, dataDir);
  secrets.add(token);
  begun.announce(values, env, { version: VERSION });
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
      keptPort: keptPortIn(args),
      token,
      mayAct: values.statusPage === "on",
      sync: {
        ...(values.brokerConfig === undefined ? {} : { configFile: values.brokerConfig }),
        ...(values.brokerMonitor === undefined ? {} : { monitor: values.brokerMonitor }),
      },
    },
    { nc, clock, log, fatal },
  );
  const { url } = running;
  const tokenFrom =
    values.pageToken === undefined ? join(dataDir, PAGE_TOKEN_FILE) : "RUNNER_RELAY_PAGE_TOKEN";
  return {
    url,
    about: { url, tokenFrom },
    words: `console ready; \`${ownCommand("page")}\` prints the page's address`,
    close: () => running.close(),
  };
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
