import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { readBacklog } from "../../shared/status/backlog.ts";
import type { StartFrom } from "../../admin/checkpoints.ts";
import { provision } from "../../admin/provision.ts";
import { connectBroker } from "../../shared/broker.ts";
import { systemClock, type Clock } from "../../shared/clock.ts";
import { ALL_SETTINGS } from "../../shared/config/index.ts";
import { knownSecrets, loadSettings } from "../../shared/config/load.ts";
import {
  COMMON_SETTINGS,
  COORDINATOR_SETTINGS,
  GATEWAY_SETTINGS,
  RELAY_SETTINGS,
} from "../../shared/config/settings.ts";
import { tellDamage } from "../../shared/damage.ts";
import { addressWithToken } from "../../shared/door/door.ts";
import { pageTokenOf } from "../../shared/door/page-token.ts";
import { codedError, errorText } from "../../shared/errors.ts";
import { checkLog } from "../../shared/log-check.ts";
import { createLogger, fatalLine, SecretRegistry, type Logger } from "../../shared/logger.ts";
import { speakForOthers } from "../../shared/output/others-words.ts";
import { onStopSignal } from "../../shared/stop-signals.ts";
import { ADMIN_INBOX } from "../../shared/subjects.ts";
import type { Context } from "../context.ts";
import type { Flags } from "../flags.ts";
import { compileCacheFolder, dataFolder } from "../folders.ts";
import { createAnnouncement } from "./announcement.ts";
import { checkReadyFile } from "./ready-file.ts";
import { keepRunning, type Child, type ChildPlan } from "./child.ts";
import {
  brokerVariables,
  childEnvironment,
  NETWORK,
  telemetryVariables,
  TRUST,
  trustOptions,
} from "./environment.ts";
import { keepPruning } from "./housekeeping.ts";
import {
  freePort,
  makeFolder,
  readKept,
  removeFile,
  runningFile,
  writeKept,
  type ReadyInfo,
} from "./kept.ts";
import type { LogHome } from "./log-home.ts";
import { openHome } from "./open-home.ts";
import { standInKey, withoutCredentials } from "./stand-in.ts";
import { guardStore } from "./store-guard.ts";
import { UP_TABLE, type UpValues } from "./table.ts";

// open-home.ts takes the folder and the broker · log-home.ts keeps the broker · child.ts keeps one process · environment.ts what each may know
// kept.ts what lies in the data folder · store-guard.ts ends the broker when its store is gone · housekeeping.ts prunes

/** 120 MB of gateway at the same speed; without them 262 MB (facts/performance.md). */
const SMALL_HEAP = ["--max-old-space-size=96", "--max-semi-space-size=4"];
/** 129 MB, and a quarter faster at 256 connections, where collecting is the largest cost. */
const GATEWAY_HEAP = ["--max-old-space-size=96", "--max-semi-space-size=8"];
/**
 * How glibc keeps memory. Every thread would get memory of its own to keep; with two of them a draining relay is resident with 164 to 170 MB instead of 190. And
 * the size from which memory goes back to the system at once would grow with the largest block ever freed, so that large bodies, once seen, stayed: 25 MB.
 */
const LITTLE_KEPT = {
  MALLOC_ARENA_MAX: "2",
  MALLOC_MMAP_THRESHOLD_: "131072",
  MALLOC_TRIM_THRESHOLD_: "131072",
};
// SIGTERM to exit at most 5 s: 1.2 + 3 + 0.3, and the broker's 0.1
const GATEWAY_GRACE_MS = 1200;
const RELAY_GRACE_MS = 3000;
const COORDINATOR_GRACE_MS = 300;
const LAST_RESORT_MS = 8000;

/** Runs everything until a signal comes or something fails that no restart heals. */
export async function runUp(options: { flags: Flags; context: Context; from?: StartFrom }): Promise<void> {
  const { flags, context } = options;
  const { env } = context;
  const { values } = loadSettings(UP_TABLE, { env, flags, known: ALL_SETTINGS });
  const clock = systemClock;
  const secrets = new SecretRegistry();
  for (const secret of knownSecrets(UP_TABLE, values, env)) secrets.add(secret);
  const lines = context.serve("up");
  const log = createLogger({ name: "up", level: values.logLevel, lines, secrets });
  speakForOthers(log, (error) => {
    lines.write(fatalLine("up", error, secrets));
    process.exit(1);
  });
  const dataDir = dataFolder(values.data, env);

  const signals = watchSignals();
  const fatal = Promise.withResolvers<never>();
  fatal.promise.catch(() => undefined); // raced below
  await using scope = new AsyncDisposableStack();
  makeFolder(dataDir);
  if (values.readyFile !== undefined) checkReadyFile(values.readyFile);
  const home = await openHome({ values, env, dataDir, clock, log });
  scope.defer(() => home.stop());
  if (values.readyFile !== undefined) removeFile(values.readyFile); // only now: before, it may be that of who runs here

  const pageToken = pageTokenOf(values.pageToken, dataDir); // before a relay looks for it
  secrets.add(pageToken);
  const page = (url: string): Partial<ReadyInfo> =>
    values.statusPage === "off" ? {} : { page: addressWithToken(url, pageToken) };
  const admin = await connectBroker(home.access("admin"), { name: "up", inboxPrefix: ADMIN_INBOX });
  scope.defer(() => admin.close());
  const kept = readKept(dataDir);
  let { from } = options;
  const makeLog = async (): Promise<void> => {
    const { damage, limits } = await provision(admin, {
      replicas: values.replicas,
      duplicateWindowMs: values.duplicateWindow,
      ...(values.logBytes === undefined ? {} : { logBytes: values.logBytes }),
      ...(home.freeBytes === undefined ? {} : { freeBytes: home.freeBytes }),
      ...(from === undefined ? {} : { from }),
    });
    from = undefined; // said of what is there now, not of what happens later
    for (const found of damage) tellDamage(log, found);
    for (const limit of limits) log.warn({ code: "broker_limited" }, limit);
  };
  const whole = kept.provisionedAt === home.url && (await isWhole(admin));
  const provisioned = makeLog();
  if (!whole) await provisioned; // else the children start beside it
  else provisioned.catch(() => undefined); // awaited with the children

  const own = values.natsUrl === undefined;
  const coordinatorPort = kept.coordinatorPort ?? (await freePort());
  writeKept(dataDir, { coordinatorPort, provisionedAt: home.url });
  const coordinatorUrl = values.coordinatorUrl ?? `http://127.0.0.1:${coordinatorPort}`;

  const info: Partial<ReadyInfo> = { nats: home.url, coordinator: coordinatorUrl, pid: process.pid };
  if (values.socket !== undefined) info.socket = resolve(values.socket);
  const readyFiles = [runningFile(dataDir), ...(values.readyFile === undefined ? [] : [values.readyFile])];
  const announcement = createAnnouncement(readyFiles, log);
  const plans = planChildren({ values, flags, context, home, dataDir, coordinatorPort, coordinatorUrl });
  const start = (plan: ChildPlan, learn: (url: string) => void): Child => {
    const child = keepRunning({
      plan,
      clock,
      log,
      lines,
      mayFail: provisioned,
      beforeRestart: makeLog, // somebody may have deleted a consumer
      onFatal: (error) => fatal.reject(error),
      onReady: (url) => {
        learn(url);
        announcement.again(info);
      },
    });
    signals.onSecond(() => void child.stop(0));
    return child;
  };

  // The gateway first, because executors wait for it. One that crashed comes back where they look for it, also with --port 0.
  const gateway = start(plans.gateway, (url) => {
    info.gateway = url;
    if (values.port === 0) plans.gateway.env["RUNNER_RELAY_PORT"] = new URL(url).port;
  });
  const standIn = plans.coordinator === undefined ? undefined : start(plans.coordinator, () => undefined);
  const relay = start(plans.relay, (url) => {
    Object.assign(info, { relay: url }, page(url));
    if (values.adminPort === 0) plans.relay.env["RUNNER_RELAY_ADMIN_PORT"] = new URL(url).port;
  });
  // The end goes from the last of these lines to the first.
  scope.defer(() => standIn?.stop(COORDINATOR_GRACE_MS));
  const guard = home.store && guardStore({ store: home.store, admin, clock, log });
  scope.defer(() => guard?.stop());
  scope.defer(() => {
    const lost = guard?.lost();
    if (lost !== undefined) return context.print(lost);
    return tellWhatWaits(admin, signals.came(), own ? dataDir : `the log at ${home.url}`, context);
  });
  scope.defer(() => relay.stop(RELAY_GRACE_MS));
  scope.defer(() => gateway.stop(GATEWAY_GRACE_MS));
  scope.defer(() => {
    for (const file of readyFiles) removeFile(file);
  });

  const ready = Promise.all([provisioned, gateway.ready, relay.ready, standIn?.ready]);
  const first = await Promise.race([ready, fatal.promise, signals.first]);
  if (first === "signal") return;
  announcement.first(info as ReadyInfo);
  context.print(welcome(info as ReadyInfo, dataDir, values.coordinatorUrl === undefined, context.journal));

  scope.defer(keepPruning({ access: home.access("prune"), retentionMs: values.retention, clock, log }));
  await Promise.race([fatal.promise, signals.first]);
  lastResort(clock, log);
  const lost = guard?.lost();
  if (lost !== undefined) throw codedError("store_lost", lost);
}

/** Nothing is written before a log that lost its end was mended, so that no number comes again. */
async function isWhole(admin: NatsConnection): Promise<boolean> {
  try {
    const { end, log, mark } = await checkLog(await jetstreamManager(admin, { checkAPI: false }));
    return end.kind === "whole" && mark?.mark.created === log.created;
  } catch {
    return false; // the step that makes the log says why
  }
}

type Plans = { coordinator?: ChildPlan; relay: ChildPlan; gateway: ChildPlan };

function planChildren(options: {
  values: UpValues;
  flags: Flags;
  context: Context;
  home: LogHome;
  dataDir: string;
  coordinatorPort: number;
  coordinatorUrl: string;
}): Plans {
  const { flags, home, dataDir, values } = options;
  const { env } = options.context;
  const cache = compileCacheFolder(env);
  const common = {
    RUNNER_RELAY_DATA: dataDir,
    ...(cache === undefined ? {} : { NODE_COMPILE_CACHE: cache }),
    ...(home.configFile === undefined ? {} : { RUNNER_RELAY_BROKER_CONFIG: home.configFile }),
  };
  const key = values.coordinatorUrl === undefined ? standInKey(env, dataDir) : undefined;
  const forRelay = childEnvironment({
    env,
    flags,
    tables: [COMMON_SETTINGS, RELAY_SETTINGS],
    extra: [...NETWORK, ...telemetryVariables(env)],
    set: {
      ...common,
      ...trustOptions(env, process.execArgv),
      ...brokerVariables(home.access("relay")),
      RUNNER_RELAY_COORDINATOR_URL: options.coordinatorUrl,
    },
  });
  const relay = key === undefined ? forRelay : { ...withoutCredentials(forRelay), ...key.relay };
  const gateway = childEnvironment({
    env,
    flags,
    tables: [COMMON_SETTINGS, GATEWAY_SETTINGS],
    extra: [...TRUST, ...telemetryVariables(env)],
    set: { ...common, ...trustOptions(env, process.execArgv), ...brokerVariables(home.access("gateway")) },
  });
  const plans: Plans = {
    relay: {
      name: "relay",
      main: rootOf("relay"),
      env: { ...LITTLE_KEPT, ...relay },
      nodeOptions: SMALL_HEAP,
    },
    gateway: {
      name: "gateway",
      main: rootOf("gateway"),
      env: { ...LITTLE_KEPT, ...gateway },
      nodeOptions: GATEWAY_HEAP,
    },
  };
  if (key !== undefined) {
    const standIn = childEnvironment({
      env,
      flags: { "log-level": flags["log-level"] },
      tables: [COMMON_SETTINGS, COORDINATOR_SETTINGS],
      set: {
        RUNNER_RELAY_COORDINATOR_AUTO_CREATE: "true",
        ...common,
        ...key.coordinator,
        RUNNER_RELAY_COORDINATOR_PORT: String(options.coordinatorPort),
      },
    });
    plans.coordinator = { name: "coordinator", main: rootOf("coordinator"), env: standIn, nodeOptions: [] };
  }
  return plans;
}

/** Composition root of a process, `.ts` among sources and `.js` in the package. */
function rootOf(part: string): string {
  const ending = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return fileURLToPath(new URL(`../../${part}/main.${ending}`, import.meta.url));
}

function watchSignals(): {
  first: Promise<"signal">;
  came: () => boolean;
  onSecond: (fn: () => void) => void;
} {
  const { promise, resolve } = Promise.withResolvers<"signal">();
  const hurry: (() => void)[] = [];
  let count = 0;
  onStopSignal((signal) => {
    count += 1;
    if (count === 1) resolve("signal");
    else if (signal !== "SIGHUP") for (const fn of hurry) fn(); // a closed terminal sends several, and is in no hurry
  });
  return { first: promise, came: () => count > 0, onSecond: (fn) => void hurry.push(fn) };
}

/** Only when somebody stopped us: after a failure the failure is what matters. */
async function tellWhatWaits(
  admin: NatsConnection,
  asked: boolean,
  where: string,
  context: Context,
): Promise<void> {
  if (!asked) return;
  try {
    const jsm = await jetstreamManager(admin, { checkAPI: false, timeout: 500 });
    const { events } = await readBacklog(jsm);
    if (events === 0) return;
    context.print(
      `${events} ${events === 1 ? "event waits" : "events wait"} in ${where}, delivered at the next start`,
    );
  } catch (error) {
    context.warn(`what waits cannot be counted: ${errorText(error)}`);
  }
}

function lastResort(clock: Clock, log: Logger): void {
  clock.after(LAST_RESORT_MS, () => {
    log.fatal({}, "the shutdown is stuck, ending anyway");
    process.exit(1);
  });
}

function welcome(info: ReadyInfo, dataDir: string, standIn: boolean, journal: boolean): string {
  const page = journal
    ? `${info.relay}  (\`runner-relay page\` prints the address that lets you in)`
    : info.page;
  return [
    "runner-relay is ready",
    "",
    `  gateway      ${info.gateway}`,
    ...(info.socket === undefined ? [] : [`  socket       ${info.socket}`]),
    `  coordinator  ${info.coordinator}${standIn ? "  (stand-in, for trying out: --coordinator URL names yours)" : ""}`,
    `  relay        ${info.relay}`,
    ...(info.page === undefined ? [] : [`  status page  ${page}`]),
    `  log          ${info.nats}`,
    `  data         ${dataDir}`,
    "",
    "  Executors: AGENT_ORCHESTRATOR_API_URL=<gateway>, or runner-relay exec -- COMMAND. Ctrl-C drains and stops.",
  ].join("\n");
}
