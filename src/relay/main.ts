import { hostname } from "node:os";
import { join } from "node:path";
import { BROKER_WAIT_MS, connectBroker, unreachableOr } from "../shared/log/broker.ts";
import { systemClock } from "../shared/base/clock.ts";
import { knownSecrets, loadSettings, redacted } from "../shared/base/config/load.ts";
import {
  ALL_SETTINGS,
  BROKER_SETTINGS,
  COMMON_SETTINGS,
  RELAY_SETTINGS,
  brokerAccess,
} from "../shared/settings/index.ts";
import { dataFolder } from "../shared/base/data-folder.ts";
import { pageTokenOf } from "../shared/http/door/page-token.ts";
import { newSecret, PAGE_TOKEN_FILE } from "../shared/http/door/secret-file.ts";
import { drainTime } from "../shared/base/drain.ts";
import { codedError, errorText, isCoded, type ErrorCode } from "../shared/base/errors.ts";
import { createFatalExit, EXIT_RETRY } from "../shared/base/fatal-exit.ts";
import { createLogger, type Logger, SecretRegistry } from "../shared/base/logger.ts";
import { standardLines } from "../shared/base/output/standard.ts";
import { speakForOthers } from "../shared/base/output/others-words.ts";
import { keptPortIn } from "../shared/base/kept-port.ts";
import { learnProgram, learnReach, reachOf } from "../shared/base/own-command.ts";
import { exitWithParent } from "../shared/base/parent.ts";
import { proxyVariableFor } from "../shared/base/proxies.ts";
import { closeOnStopSignal } from "../shared/base/stop-signals.ts";
import { startTracing } from "../shared/base/tracing.ts";
import { VERSION } from "../shared/base/version.ts";
import { RELAY_INBOX } from "../shared/log/schema/subjects.ts";
import { createCredentials } from "../shared/credentials/index.ts";
import { createCoordinator } from "./coordinator/client.ts";
import { parseAllowList, type AllowRule } from "./tunnel/index.ts";
import type { RelayOptions } from "./options.ts";
import { startRelay } from "./relay.ts";

/** A stop that takes longer than this is ended. */
const LAST_RESORT_MS = 10_000;

const NEEDS_SOMEBODY: readonly ErrorCode[] = [
  "config_invalid",
  "broker_refused",
  "checkpoint_missing",
  "checkpoint_mismatch",
  "coordinator_changed",
  "schema_newer",
  "listen_refused",
  "port_taken",
];

const TABLE = { ...COMMON_SETTINGS, ...BROKER_SETTINGS, ...RELAY_SETTINGS };

const secrets = new SecretRegistry();
const stdout = standardLines(1, "relay");
const stderr = standardLines(2, "relay");

const fail = createFatalExit({
  name: "relay",
  stderr,
  secrets,
  needSomebody: NEEDS_SOMEBODY,
  otherwise: EXIT_RETRY,
});

/** A relay that cannot keep a token forwards all the same. Nobody can read its `/status` then. */
function pageTokenOrShut(chosen: string | undefined, dataDir: string, log: Logger): string {
  try {
    return pageTokenOf(chosen, dataDir);
  } catch (error) {
    if (!isCoded(error, "data_unusable")) throw error;
    const todo = "set RUNNER_RELAY_DATA to a folder, or RUNNER_RELAY_PAGE_TOKEN_FILE to a token file";
    log.warn(
      { code: error.code, err: errorText(error), todo },
      "this relay's /status cannot be read, because its token cannot be saved",
    );
    return newSecret();
  }
}

function allowRules(text: string): AllowRule[] {
  try {
    return parseAllowList(text);
  } catch (error) {
    throw codedError("config_invalid", `RUNNER_RELAY_ALLOW: ${errorText(error)}`);
  }
}

function load(): ReturnType<typeof loadSettings<typeof TABLE>> {
  return loadSettings(TABLE, { env: process.env, known: ALL_SETTINGS });
}

type Values = ReturnType<typeof load>["values"];

/** The coordinator's URL. Throws `config_invalid` where there is none, or where a proxy stands before it. */
function coordinatorUrlOf({ coordinatorUrl }: Values): string {
  if (coordinatorUrl === undefined)
    throw codedError("config_invalid", "RUNNER_RELAY_COORDINATOR_URL is needed");
  const proxy = proxyVariableFor(new URL(coordinatorUrl), process.env);
  if (proxy !== undefined)
    throw codedError(
      "config_invalid",
      `${proxy} is set, but the coordinator is never called through a proxy (the issuer is). If it can be reached directly, add its host to NO_PROXY`,
    );
  return coordinatorUrl;
}

function optionsOf(values: Values, relay: string, coordinatorUrl: string, pageToken: string): RelayOptions {
  return {
    relay,
    version: VERSION,
    coordinatorUrl,
    retarget: values.retarget,
    adminListen: values.adminListen,
    adminPort: values.adminPort,
    keptPort: keptPortIn(process.argv),
    pageToken,
    connections: values.connections,
    attemptTimeoutMs: values.attemptTimeout,
    passTimeoutMs: values.passTimeout,
    runnerTimeoutMs: values.runnerTimeout,
    exhaustAfterMs: values.exhaustAfter,
    drainMs: drainTime(process.argv),
    poisonPolicy: values.poisonPolicy as "skip" | "park" | "stop",
    shield: values.runnerShield,
    allow: values.allow === undefined ? undefined : allowRules(values.allow),
    batch: values.batchPath === undefined ? undefined : { path: values.batchPath, max: values.batchMax },
  };
}

async function main(): Promise<void> {
  const { values, secretFiles } = load();
  for (const secret of knownSecrets(TABLE, values, process.env)) secrets.add(secret);
  const log = createLogger({ name: "relay", level: values.logLevel, lines: stderr, secrets });
  speakForOthers(log, fail);
  const dataDir = dataFolder(values.data, process.env);
  learnProgram(process.env);
  learnReach(reachOf(dataDir, process.env));
  const pageToken = pageTokenOrShut(values.pageToken, dataDir, log);
  secrets.add(pageToken);
  const url = coordinatorUrlOf(values);
  const relay = values.relay ?? `${hostname()}-${process.pid}`;
  const options = optionsOf(values, relay, url, pageToken);
  log.info({ version: VERSION, relay, settings: redacted(TABLE, values) }, "relay starting");
  const tracing = await startTracing({
    env: process.env,
    process: { service: "runner-relay-relay", instance: relay, version: VERSION },
    log,
    secrets,
  });
  const clock = systemClock;
  const random = Math.random;
  const credentials = createCredentials({ values, secretFiles }, { clock, random, log, secrets });
  const nc = await connectBroker(brokerAccess(values), {
    name: `relay ${relay}`,
    inboxPrefix: RELAY_INBOX,
    waitMs: BROKER_WAIT_MS,
  });
  const coordinator = createCoordinator({
    url,
    connections: values.connections,
    attemptTimeoutMs: values.attemptTimeout,
    secrets,
  });
  const deps = { nc, clock, random, log, coordinator, credentials, tracing };
  const running = await startRelay(options, { ...deps, linesDropped: stderr.dropped, fatal: fail });
  stdout.write(`${JSON.stringify({ ready: true, url: running.adminUrl })}\n`);
  const tokenFrom =
    values.pageToken === undefined ? join(dataDir, PAGE_TOKEN_FILE) : "RUNNER_RELAY_PAGE_TOKEN";
  log.info({ url: running.adminUrl, tokenFrom }, "relay ready; /status at its url requires the token");
  const close = async (): Promise<void> => {
    await running.close();
    await tracing?.close();
  };
  closeOnStopSignal({ name: "relay", logger: log, close, lastResortMs: LAST_RESORT_MS, fail });
}

exitWithParent();
await main().catch((error: unknown) => fail(unreachableOr(error)));
