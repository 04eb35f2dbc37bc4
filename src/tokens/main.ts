import { loadSettings, type Environment } from "../shared/base/config/load.ts";
import type { ErrorCode } from "../shared/base/errors.ts";
import { EXIT_RETRY } from "../shared/base/fatal-exit.ts";
import { runProcess, type Begun, type Running } from "../shared/base/run-process.ts";
import { VERSION } from "../shared/base/version.ts";
import { BROKER_WAIT_MS, connectBroker, unreachableOr } from "../shared/log/broker.ts";
import { TOKENS_INBOX } from "../shared/log/schema/subjects.ts";
import {
  ALL_SETTINGS,
  BROKER_SETTINGS,
  brokerAccess,
  COMMON_SETTINGS,
  TOKENS_SETTINGS,
} from "../shared/settings/index.ts";
import { optionsOf } from "./options.ts";
import { startTokens } from "./tokens.ts";

/** A stop that takes longer than this is cut short: a request waits 5 s for the API server at most. */
const LAST_RESORT_MS = 7000;

const NEEDS_SOMEBODY: readonly ErrorCode[] = [
  "config_invalid",
  "broker_refused",
  "listen_refused",
  "port_taken",
];

const TABLE = { ...COMMON_SETTINGS, ...BROKER_SETTINGS, ...TOKENS_SETTINGS };

const load = (env: Environment): ReturnType<typeof loadSettings<typeof TABLE>> =>
  loadSettings(TABLE, { env, known: ALL_SETTINGS });

await runProcess({
  name: "tokens",
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
  const { values, env, log, clock, fatal } = begun;
  const options = optionsOf(values);
  begun.announce(values, env, { version: VERSION });
  const nc = await connectBroker(brokerAccess(values), {
    name: "tokens",
    inboxPrefix: TOKENS_INBOX,
    waitMs: BROKER_WAIT_MS,
  });
  const running = await startTokens(options, { nc, clock, log, fatal });
  const { url } = running;
  return { url, about: { url }, words: "tokens ready", close: () => running.close() };
}
