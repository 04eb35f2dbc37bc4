import { hostname } from "node:os";
import { join } from "node:path";
import { BROKER_WAIT_MS, connectBroker, unreachableOr } from "../shared/log/broker.ts";
import { loadSettings, type Environment } from "../shared/base/config/load.ts";
import {
  ALL_SETTINGS,
  BROKER_SETTINGS,
  COMMON_SETTINGS,
  LOGS_SETTINGS,
  RELAY_SETTINGS,
  brokerAccess,
} from "../shared/settings/index.ts";
import { pageTokenOf } from "../shared/http/door/page-token.ts";
import { newSecret, PAGE_TOKEN_FILE } from "../shared/http/door/secret-file.ts";
import { drainTime } from "../shared/base/drain.ts";
import { codedError, errorText, isCoded } from "../shared/base/errors.ts";
import { EXIT_RETRY } from "../shared/base/fatal-exit.ts";
import type { Logger } from "../shared/base/logger.ts";
import { keptPortIn } from "../shared/base/kept-port.ts";
import { proxyVariableFor } from "../shared/base/proxies.ts";
import { runProcess, type Begun, type Running } from "../shared/base/run-process.ts";
import { startTracing } from "../shared/base/tracing.ts";
import { VERSION } from "../shared/base/version.ts";
import { RELAY_INBOX } from "../shared/log/schema/subjects.ts";
import { createCredentials } from "../shared/credentials/index.ts";
import { createCoordinator } from "./coordinator/client.ts";
import { NEEDS_SOMEBODY } from "./logs/again.ts";
import { parseAllowList, type AllowRule } from "./tunnel/index.ts";
import type { RelayDeps, RelayOptions } from "./options.ts";
import { startRelay, type Relay } from "./relay.ts";
import { startAdminServer } from "./report/admin-server.ts";
import { serveLogs } from "./several-logs.ts";

/** A stop that takes longer than this is ended. */
const LAST_RESORT_MS = 10_000;

const TABLE = { ...COMMON_SETTINGS, ...BROKER_SETTINGS, ...RELAY_SETTINGS, ...LOGS_SETTINGS };

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

function load(env: Environment): ReturnType<typeof loadSettings<typeof TABLE>> {
  return loadSettings(TABLE, { env, known: ALL_SETTINGS });
}

type Values = ReturnType<typeof load>["values"];

/** The coordinator's URL. Throws `config_invalid` where there is none, or where a proxy stands before it. */
function coordinatorUrlOf({ coordinatorUrl }: Values, env: Environment): string {
  if (coordinatorUrl === undefined)
    throw codedError("config_invalid", "RUNNER_RELAY_COORDINATOR_URL is needed");
  const proxy = proxyVariableFor(new URL(coordinatorUrl), env);
  if (proxy !== undefined)
    throw codedError(
      "config_invalid",
      `${proxy} is set, but the coordinator is never called through a proxy (the issuer is). If it can be reached directly, add its host to NO_PROXY`,
    );
  return coordinatorUrl;
}

function optionsOf(
  { values, args }: Begun<Values>,
  { relay, coordinatorUrl, pageToken }: Pick<RelayOptions, "relay" | "coordinatorUrl" | "pageToken">,
): RelayOptions {
  return {
    relay,
    version: VERSION,
    coordinatorUrl,
    retarget: values.retarget,
    adminListen: values.adminListen,
    adminPort: values.adminPort,
    keptPort: keptPortIn(args),
    pageToken,
    connections: values.connections,
    attemptTimeoutMs: values.attemptTimeout,
    passTimeoutMs: values.passTimeout,
    runnerTimeoutMs: values.runnerTimeout,
    exhaustAfterMs: values.exhaustAfter,
    drainMs: drainTime(args),
    poisonPolicy: values.poisonPolicy as "skip" | "park" | "stop",
    shield: values.runnerShield,
    allow: values.allow === undefined ? undefined : allowRules(values.allow),
    batch: values.batchPath === undefined ? undefined : { path: values.batchPath, max: values.batchMax },
  };
}

/** Serves the log at NATS_URL. */
async function serveLog(
  options: RelayOptions,
  {
    values,
    secrets,
    ...deps
  }: Omit<RelayDeps, "nc" | "coordinator"> & Pick<Begun<Values>, "values" | "secrets">,
): Promise<Relay> {
  const { coordinatorUrl: url, connections, attemptTimeoutMs } = options;
  const nc = await connectBroker(brokerAccess(values), {
    name: `relay ${options.relay}`,
    inboxPrefix: RELAY_INBOX,
    waitMs: BROKER_WAIT_MS,
  });
  const coordinator = createCoordinator({ url, connections, attemptTimeoutMs, secrets });
  return startRelay(options, { ...deps, nc, coordinator });
}

async function start(begun: Begun<Values>): Promise<Running> {
  const { values, secretFiles, env, dataDir, clock, log, secrets, linesDropped, fatal } = begun;
  const pageToken = pageTokenOrShut(values.pageToken, dataDir, log);
  secrets.add(pageToken);
  const url = coordinatorUrlOf(values, env);
  const relay = values.relay ?? `${hostname()}-${process.pid}`;
  const options = optionsOf(begun, { relay, coordinatorUrl: url, pageToken });
  begun.announce(values, env, { version: VERSION, relay });
  const about = { service: "runner-relay-relay", instance: relay, version: VERSION };
  const tracing = await startTracing({ env, process: about, log, secrets });
  const random = Math.random;
  const credentials = createCredentials({ values, secretFiles }, { clock, random, log, secrets });
  const deps = { clock, random, log, credentials, tracing, openAdmin: startAdminServer, linesDropped };
  const running = await (values.logs === undefined
    ? serveLog(options, { ...deps, values, secrets, fatal })
    : serveLogs(values.logs, options, { ...deps, secrets, env }));
  const tokenFrom =
    values.pageToken === undefined ? join(dataDir, PAGE_TOKEN_FILE) : "RUNNER_RELAY_PAGE_TOKEN";
  return {
    url: running.adminUrl,
    about: { url: running.adminUrl, tokenFrom },
    words: "relay ready; /status at its url requires the token",
    async close() {
      await running.close();
      await tracing?.close();
    },
  };
}

await runProcess({
  name: "relay",
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
