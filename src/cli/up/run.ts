import type { StartFrom } from "../../shared/log/provision/checkpoints.ts";
import { codedError } from "../../shared/base/errors.ts";
import { SESSIONS_PORT } from "../../shared/settings/index.ts";
import type { Context } from "../context.ts";
import type { Flags } from "../flags.ts";
import { readAsked, type Base } from "./asked.ts";
import type { Child } from "./child.ts";
import { claimFolder, type Claim } from "./claim.ts";
import { createCrew, type Crew } from "./crew.ts";
import { lastResort, stopChildren, stopEarly, watchSignals, type Running, type Signals } from "./ending.ts";
import { untilHeard } from "./heard.ts";
import { readKept, writeKept, type Kept, type ReadyInfo } from "./kept.ts";
import type { KeptLog } from "./log.ts";
import type { LogHome } from "./log-home.ts";
import { bindOwnSocket, type OwnSocket } from "./own-socket.ts";
import { planGateway, planOthers, tellGateway } from "./plans.ts";
import { planSessions } from "./session-plans.ts";
import { keepSessions, type LateSessions } from "./sessions.ts";
import { freePort } from "./free-port.ts";
import { keepConsole, pageOrNot, type LateConsole } from "./status-page.ts";
import type { StoreGuard } from "./store-guard.ts";
import { welcome } from "./welcome.ts";

// asked.ts reads the settings, readable-lines.ts is the log for people · claim.ts takes the data folder · plans.ts says what each process is given (environment.ts
// what it may know) · crew.ts starts them, child.ts keeps one running (child-run.ts is one run of it, last-words.ts why it ended), child-lines.ts passes its lines
// on · free-port.ts finds a port, own-socket.ts binds one for the sessions server · open-home.ts takes the broker · log-home.ts keeps it running · log.ts makes the log, and provisioning.ts says when · kept.ts,
// announcement.ts and ready-file.ts write what lies in files · stand-in.ts is for starts without a coordinator · status-page.ts keeps the console, and
// sessions.ts the sessions server and the worker (session-plans.ts), without which the rest runs · heard.ts waits until the gateway knows its relay · welcome.ts says where everything is · store-guard.ts ends the broker when its store is gone ·
// housekeeping.ts prunes · ending.ts ends everything in order
// A supervisor must outlive whatever its children do, so this process holds no event, and a credential only on its way to the one child that needs it. One
// file keeps any child, and another one the broker: a child is started again at once, while a broker may have to wait for room on the disk, or must not
// come back at all.

/** Runs everything until a signal comes, or until something fails that no restart can heal. */
export async function runUp(options: { flags: Flags; context: Context; from?: StartFrom }): Promise<void> {
  const base = readAsked(options);
  const signals = watchSignals();
  await using scope = new AsyncDisposableStack();
  const claim = claimFolder(base, scope);
  const crew = createCrew(base, signals, claim.announcement);
  const { gateway, tell } = startGateway(base, crew);
  scope.defer(() => stopEarly(gateway));
  void signals.first.then(() => lastResort(base.clock, base.log)); // a start may be stuck, too
  const broker = await openBroker(base, crew, options.from, scope).catch((error: unknown) => {
    if (signals.came()) return undefined;
    throw error;
  });
  if (broker === undefined) return;
  tell(tellGateway(broker.home));
  const others = await startOthers(base, crew, claim, { ...broker, gateway });
  const sessions = startSessions(base, crew, { ...broker, gateway, relay: others.relay });
  const guard = broker.guard();
  scope.defer(() => guard?.stop());
  scope.defer(() =>
    end({ base, signals, claim, guard, theLog: broker.theLog }, { gateway, ...others, sessions }),
  );

  const ready = Promise.all([whenReady(base, crew, { gateway, ...others }), sessions?.ready]);
  const first = await Promise.race([ready, crew.fatal, signals.first]);
  if (first === "signal") return;
  announce(base, crew, claim, others.console !== undefined);
  scope.defer(await prune(base, broker.home));
  await Promise.race([crew.fatal, signals.first]);
  if (!signals.came()) lastResort(base.clock, base.log);
  const lost = guard?.lost();
  if (lost !== undefined) throw codedError("store_lost", lost);
}

/**
 * The gateway is first, because executors wait for it: it takes its port while the broker starts, and serves once `up` tells it where the broker is. One that
 * crashed comes back on the port that executors know, also with --port 0.
 */
function startGateway(
  base: Base,
  { start, info }: Crew,
): { gateway: Child; tell: (variables: Record<string, string>) => void } {
  const told = Promise.withResolvers<Record<string, string>>();
  const plan = planGateway(base, told.promise);
  const gateway = start(plan, (url) => {
    info.gateway = url;
    if (base.values.port === 0) plan.env["RUNNER_RELAY_PORT"] = new URL(url).port;
  });
  return { gateway, tell: told.resolve };
}

type OpenBroker = { home: LogHome; theLog: KeptLog; kept: Kept; guard: () => StoreGuard | undefined };

/** Opens the broker and the log. A log that was not found whole is made before anything else starts. */
async function openBroker(
  base: Base,
  { standing, opened, stopping }: Crew,
  from: StartFrom | undefined,
  scope: AsyncDisposableStack,
): Promise<OpenBroker> {
  const { values, dataDir, clock, log } = base;
  // Loading these takes longer than the gateway needs to take its port.
  const [{ openHome }, { openLog }, { keepProvisioned }, { guardStore }] = await Promise.all([
    import("./open-home.ts"),
    import("./log.ts"),
    import("./provisioning.ts"),
    import("./store-guard.ts"),
  ]);
  const home = await openHome({ ...base, env: base.context.env, signal: stopping });
  scope.defer(() => home.stop());
  const kept = readKept(dataDir);
  const theLog = await openLog({ home, values, dataDir, provisionedAt: kept.provisionedAt, from, log });
  opened.resolve(theLog);
  const { admin } = theLog;
  scope.defer(() => admin.close());
  const provisioning = keepProvisioned({ theLog, own: home.store !== undefined, clock, log });
  scope.defer(() => provisioning.stop());
  provisioning.first.then(standing.resolve, standing.reject);
  if (!theLog.whole) await standing.promise; // else the children start beside it
  return {
    home,
    theLog,
    kept,
    guard: () => home.store && guardStore({ store: home.store, admin, clock, log }),
  };
}

type Others = Omit<Running, "gateway" | "sessions"> & { console: LateConsole | undefined };

/** Starts the relay, the stand-in if no coordinator was named, and the console once gateway and relay are ready. */
async function startOthers(
  base: Base,
  { start, info }: Crew,
  { pageToken }: Claim,
  { home, kept, gateway }: OpenBroker & { gateway: Child },
): Promise<Others> {
  const { values, dataDir, log } = base;
  const coordinatorPort = kept.coordinatorPort ?? (await freePort());
  writeKept(dataDir, { ...kept, coordinatorPort, provisionedAt: home.url });
  const coordinatorUrl = values.coordinatorUrl ?? `http://127.0.0.1:${coordinatorPort}`;
  Object.assign(info, { nats: home.url, coordinator: coordinatorUrl });
  const plans = planOthers(base, { home, coordinatorPort, coordinatorUrl });
  if (values.adminPort === undefined) plans.relay.keptPort = kept.relayPort;
  const standIn = plans.coordinator === undefined ? undefined : start(plans.coordinator, () => undefined);
  const relay = start(plans.relay, (url) => {
    info.relay = url;
    plans.relay.keptPort = portOf(url);
  });
  if (plans.console === undefined) return { relay, standIn, console: undefined };
  const after = Promise.all([gateway.ready, relay.ready]);
  const plan = plans.console;
  if (values.consolePort === undefined) plan.keptPort = kept.consolePort;
  return { relay, standIn, console: keepConsole({ after, start, plan, info, pageToken, log }) };
}

/** Starts the sessions server and the worker once gateway and relay are ready, if they are wanted and there is a log of sessions. */
function startSessions(
  base: Base,
  { start, fail, standing, info }: Crew,
  { home, theLog, kept, gateway, relay }: OpenBroker & { gateway: Child; relay: Child },
): LateSessions | undefined {
  const { values, clock, log } = base;
  if (values.noSessions) return undefined;
  const plans = planSessions(base, home);
  if (values.sessionsPort === undefined) plans.serve.keptPort = kept.sessionsPort;
  const after = Promise.all([gateway.ready, relay.ready, standing.promise]).then(() => theLog.sessions());
  const { sessionsListen: listen, sessionsPort: port } = values;
  const openSocket = (keptPort: number | undefined): OwnSocket | undefined =>
    bindOwnSocket({ ...SESSIONS_PORT, listen, port, kept: keptPort });
  return keepSessions({ after, start, fail, plans, openSocket, info, clock, log });
}

/** Settles when everything serves, and the gateway knows its relay. */
async function whenReady(
  base: Base,
  { standing }: Crew,
  { gateway, relay, standIn, console }: Others & { gateway: Child },
): Promise<void> {
  const { values, clock, log } = base;
  const serving = Promise.all([gateway.ready, relay.ready, standIn?.ready]);
  const heard = serving.then(async ([url]) => {
    const asked = { gateway: url, token: values.inboundToken, standIn: standIn !== undefined, clock };
    if (!(await untilHeard(asked)))
      log.warn({}, "the gateway has not heard from its relay; until it does, events get a 202");
  });
  const page = console && serving.then(() => pageOrNot(console, clock));
  await Promise.all([standing.promise, serving, heard, page]);
}

/** Tells programs and people where everything is, and keeps the ports for the next start. */
function announce(
  { context, dataDir, values }: Base,
  crew: Crew,
  { announcement }: Claim,
  console: boolean,
): void {
  const info = crew.info as ReadyInfo;
  writeKept(dataDir, {
    ...readKept(dataDir),
    ...(values.adminPort === undefined ? { relayPort: portOf(info.relay) } : {}),
    ...(values.consolePort === undefined && info.page !== undefined
      ? { consolePort: portOf(info.page) }
      : {}),
    ...(values.sessionsPort === undefined && info.sessions !== undefined
      ? { sessionsPort: portOf(info.sessions) }
      : {}),
  });
  announcement.first(info);
  const { journal } = context;
  const standIn = values.coordinatorUrl === undefined;
  const portChosen = values.port !== undefined;
  const sessions = !values.noSessions;
  context.print(welcome(info, { dataDir, standIn, journal, console, sessions, portChosen }));
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}

/** Begins to keep both logs within their limits; the function that is returned ends that. */
async function prune({ values, clock, log }: Base, home: LogHome): Promise<() => Promise<void>> {
  const { keepPruning, keepSweeping } = await import("./housekeeping.ts");
  const limits = { maxAge: values.sessionsRetention, maxBytes: values.sessionsRetentionBytes };
  const ends = [
    keepPruning({ access: home.access("prune"), retentionMs: values.retention, clock, log }),
    keepSweeping({ access: home.access("session-prune"), limits, clock, log }),
  ];
  return async () => void (await Promise.all(ends.map((end) => end())));
}

/** Ends the children, and says what waits for the next start. */
async function end(
  deps: { base: Base; signals: Signals; claim: Claim; guard: StoreGuard | undefined; theLog: KeptLog },
  running: Running,
): Promise<void> {
  const { base, signals, claim, guard, theLog } = deps;
  claim.removeReadyFiles();
  await stopChildren(running);
  const lost = guard?.lost();
  if (lost !== undefined) return base.context.print(lost);
  // only after a signal: after a failure, the failure is what matters
  if (signals.came()) await theLog.tellWhatWaits(base.context);
}
