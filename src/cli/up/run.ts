import { resolve } from "node:path";
import type { StartFrom } from "../../shared/log/provision/checkpoints.ts";
import { lockFolder } from "../../embedded/lock.ts";
import { systemClock } from "../../shared/base/clock.ts";
import { ALL_SETTINGS } from "../../shared/settings/index.ts";
import { knownSecrets, loadSettings } from "../../shared/base/config/load.ts";
import { pageTokenOf } from "../../shared/http/door/page-token.ts";
import { codedError } from "../../shared/base/errors.ts";
import { createLogger, fatalLine, SecretRegistry } from "../../shared/base/logger.ts";
import { speakForOthers } from "../../shared/base/output/others-words.ts";
import type { Context } from "../context.ts";
import type { Flags } from "../flags.ts";
import { dataFolder } from "../folders.ts";
import { createAnnouncement } from "./announcement.ts";
import { keepRunning, type Child, type ChildPlan } from "./child.ts";
import { keepConsole, pageOrNot } from "./status-page.ts";
import { lastResort, stopChildren, stopEarly, watchSignals } from "./ending.ts";
import {
  freePort,
  makeFolder,
  readKept,
  removeFile,
  runningFile,
  writeKept,
  type ReadyInfo,
} from "./kept.ts";
import type { KeptLog } from "./log.ts";
import { planGateway, planOthers, tellGateway, type Asked } from "./plans.ts";
import { checkReadyFile } from "./ready-file.ts";
import { UP_TABLE } from "./table.ts";
import { welcome } from "./welcome.ts";

// plans.ts says what each process is given (environment.ts what it may know) · child.ts keeps one process running, child-lines.ts passes its lines on ·
// open-home.ts takes the broker · log-home.ts keeps it running · log.ts makes the log · kept.ts, announcement.ts and ready-file.ts write what lies in files ·
// stand-in.ts is for starts without a coordinator · status-page.ts keeps the console, without which all runs · welcome.ts says where everything is · store-guard.ts ends the broker when its store is gone · housekeeping.ts prunes · ending.ts ends everything in order
// A supervisor must outlive whatever its children do, so this process holds no event, and a credential only on its way to the one child that needs it. One
// file keeps any child, and another one the broker: a child is started again at once, while a broker may have to wait for room on the disk, or must not
// come back at all.

/** Runs everything until a signal comes, or until something fails that no restart can heal. */
// oxlint-disable-next-line max-lines-per-function -- what is started stands beside what ends it, and the order of both is what this function is about
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
  scope.defer(lockFolder(resolve(dataDir)));
  const readyFiles = [runningFile(dataDir), ...(values.readyFile === undefined ? [] : [values.readyFile])];
  const removeReadyFiles = (): void => {
    for (const file of readyFiles) removeFile(file);
  };
  removeReadyFiles(); // not earlier: until the folder is locked they may belong to another `up`

  const pageToken = pageTokenOf(values.pageToken, dataDir); // it must be there before a relay looks for it
  secrets.add(pageToken);
  const info: Partial<ReadyInfo> = { pid: process.pid };
  if (values.socket !== undefined) info.socket = resolve(values.socket);
  const announcement = createAnnouncement(readyFiles, log);
  const standing = Promise.withResolvers<void>();
  standing.promise.catch(() => undefined); // awaited with the children
  const opened = Promise.withResolvers<KeptLog>(); // never settles if the log cannot be opened: nothing is restarted then
  const start = (
    plan: ChildPlan,
    learn: (url: string) => void,
    onFatal: (error: Error) => void = (error) => fatal.reject(error),
  ): Child => {
    const child = keepRunning({
      plan,
      clock,
      log,
      lines,
      mayFail: standing.promise,
      beforeRestart: () => opened.promise.then((it) => it.make()), // a consumer may have been deleted
      onFatal,
      onReady: (url) => {
        learn(url);
        announcement.again(info);
      },
    });
    signals.onSecond(() => void child.stop(0));
    return child;
  };

  // The gateway is first, because executors wait for it: it takes its port while the broker starts, and serves once it knows where the broker is. One that
  // crashed comes back on the port that executors know, also with --port 0.
  const asked: Asked = { values, flags, context, dataDir };
  const told = Promise.withResolvers<Record<string, string>>();
  const gatewayPlan = planGateway(asked, told.promise);
  const gateway = start(gatewayPlan, (url) => {
    info.gateway = url;
    if (values.port === 0) gatewayPlan.env["RUNNER_RELAY_PORT"] = new URL(url).port;
  });
  scope.defer(() => stopEarly(gateway));

  // Loading what follows takes longer than the gateway needs to take its port.
  const [{ openHome }, { openLog }, { guardStore }, { keepPruning }] = await Promise.all([
    import("./open-home.ts"),
    import("./log.ts"),
    import("./store-guard.ts"),
    import("./housekeeping.ts"),
  ]);
  const home = await openHome({ values, env, dataDir, clock, log });
  scope.defer(() => home.stop());
  const kept = readKept(dataDir);
  const { provisionedAt } = kept;
  const theLog = await openLog({ home, values, dataDir, provisionedAt, from: options.from, log });
  opened.resolve(theLog);
  const { admin } = theLog;
  scope.defer(() => admin.close());
  theLog.make().then(standing.resolve, standing.reject);
  if (!theLog.whole) await standing.promise; // else the children start beside it
  told.resolve(tellGateway(home));

  const coordinatorPort = kept.coordinatorPort ?? (await freePort());
  writeKept(dataDir, { coordinatorPort, provisionedAt: home.url });
  const coordinatorUrl = values.coordinatorUrl ?? `http://127.0.0.1:${coordinatorPort}`;
  Object.assign(info, { nats: home.url, coordinator: coordinatorUrl });
  const plans = planOthers(asked, { home, coordinatorPort, coordinatorUrl });
  const standIn = plans.coordinator === undefined ? undefined : start(plans.coordinator, () => undefined);
  const relay = start(plans.relay, (url) => {
    info.relay = url;
    if (values.adminPort === 0) plans.relay.env["RUNNER_RELAY_ADMIN_PORT"] = new URL(url).port;
  });
  const serving = Promise.all([gateway.ready, relay.ready]);
  const consoleChild =
    plans.console && keepConsole({ after: serving, start, plan: plans.console, info, pageToken, log });
  const guard = home.store && guardStore({ store: home.store, admin, clock, log });
  scope.defer(() => guard?.stop());
  scope.defer(async () => {
    removeReadyFiles();
    await stopChildren({ gateway, relay, console: consoleChild, standIn });
    const lost = guard?.lost();
    if (lost !== undefined) return context.print(lost);
    // only after a signal: after a failure, the failure is what matters
    if (signals.came()) await theLog.tellWhatWaits(context);
  });

  const page = consoleChild && serving.then(() => pageOrNot(consoleChild, clock));
  const ready = Promise.all([standing.promise, serving, standIn?.ready, page]);
  const first = await Promise.race([ready, fatal.promise, signals.first]);
  if (first === "signal") return;
  announcement.first(info as ReadyInfo);
  context.print(
    welcome(info as ReadyInfo, {
      dataDir,
      standIn: values.coordinatorUrl === undefined,
      journal: context.journal,
      console: consoleChild !== undefined,
    }),
  );

  scope.defer(keepPruning({ access: home.access("prune"), retentionMs: values.retention, clock, log }));
  await Promise.race([fatal.promise, signals.first]);
  lastResort(clock, log);
  const lost = guard?.lost();
  if (lost !== undefined) throw codedError("store_lost", lost);
}
