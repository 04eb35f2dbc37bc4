import { randomBytes } from "node:crypto";
import { codedError, errorText, type CodedError } from "../shared/base/errors.ts";
import { later } from "../shared/base/later.ts";
import { followConnection, type Connection } from "../shared/log/connection.ts";
import { sessionToken } from "../shared/log/schema/session-id.ts";
import { createChores, type Chores } from "./chores.ts";
import { createCircle } from "./circle.ts";
import { createForwarding, type Forwarding } from "./forwarding.ts";
import { CONTROL_MS } from "./lanes/index.ts";
import { openLog, type OpenedLog } from "./opened-log.ts";
import type { RelayDeps, RelayOptions } from "./options.ts";
import { LEAVING_LOOK_MS } from "./registrations/index.ts";
import { BEAT_MS } from "./source/fence.ts";
import { confirmLeases, hasLeases, LEASE_CONFIRM_MS } from "./source/lease.ts";
import { followLog } from "./source/log-link.ts";
import { MARK_MS } from "./source/log-watch.ts";
import { createPresence } from "./source/presence.ts";
import { createTelling, type Telling } from "./telling.ts";

// The way of an event: source/pull.ts asks the broker · source/shard.ts takes over and remembers · lanes/intake.ts sorts ·
// lanes/dispatcher.ts orders · turns/turn.ts sends one head · coordinator/verdict.ts judges · coordinator/gate.ts pauses · report/ tells others
// Here a relay starts and stops: opened-log.ts looks at the log, forwarding.ts makes the parts of that way, telling.ts the parts that report on them, and
// circle.ts has what they need of one another before it is made. Each part that is started puts its end on one stack, so that a stop goes the same way back.

/**
 * How often checkpoints are written while that is urgent (shard-memory.ts). A crash repeats only events that were settled within this time, or were in flight
 * (ONCE-1). 100 ms cost at most 80 small writes a second, for 8 shards under load.
 */
const CHECKPOINT_MS = 100;
/** The relay is ready when the coordinator was asked once, or after this time. Executors that come then get the coordinator's own answer. */
const FIRST_CHECK_MS = 500;

/** A running relay. */
export type Relay = { adminUrl: string; close(): Promise<void> };

/** What a relay consists of. */
type Parts = { deps: RelayDeps; opened: OpenedLog; forwarding: Forwarding; telling: Telling; chores: Chores };

/** Tells the parts when the log is lost, and when it is there again. */
function announceLog({ opened: { watch }, forwarding: { shards, lanes }, telling, chores }: Parts): {
  lost: () => void;
  regained: () => void;
} {
  return {
    lost() {
      watch.disconnected();
      chores.disconnected();
      lanes.control.disconnected();
      for (const shard of shards) shard.disconnected();
    },
    regained() {
      watch.reconnected();
      for (const shard of shards) shard.reconnected();
      telling.tunnel.reconnected();
      telling.state.changed();
    },
  };
}

/** The way to the log. `up`: connection and log are there; `since` when that is so, or not so, wall time. */
type Way = Connection & { since(): number; stop(): void };

/** Follows the connection to the broker, and the log where that lies elsewhere. */
function followBroker(parts: Parts): Way {
  const { deps, opened, forwarding } = parts;
  const { nc, clock, log, fatal } = deps;
  const announced = announceLog(parts);
  let since = clock.wall();
  const lost = (): void => {
    since = clock.wall();
    announced.lost();
  };
  const regained = (): void => {
    since = clock.wall();
    announced.regained();
  };
  const connection = followConnection({
    nc,
    fatal,
    lost,
    regained() {
      log.info("broker reconnected");
      regained();
    },
  });
  if (!opened.elsewhere) return { ...connection, since: () => since, stop: () => undefined };
  const link = followLog({
    nc,
    clock,
    connected: () => connection.up(),
    leased: forwarding.shards,
    lost() {
      log.warn("the log does not answer: its host is cut off from this hub, or its server is down");
      lost();
    },
    regained() {
      log.info("the log answers again");
      regained();
    },
  });
  return {
    up: () => connection.up() && link.up(),
    since: () => since,
    leave: () => connection.leave(),
    stop: () => link.stop(),
  };
}

function startChores({ deps: { nc }, opened, forwarding, chores }: Parts): void {
  const { watch } = opened;
  const { shards, runners, lanes } = forwarding;
  for (const shard of shards) chores.every(CHECKPOINT_MS, () => shard.save(), "checkpoint not written");
  chores.every(CHECKPOINT_MS, () => lanes.held.save(), "held sessions could not be written");
  chores.every(MARK_MS, () => watch.mark(), "the end of the log could not be recorded");
  chores.every(CONTROL_MS, () => lanes.control.tick(), "operators' requests could not be read");
  const beat = async (): Promise<void> => shards.forEach((shard) => shard.beat());
  chores.every(BEAT_MS, beat, "leases could not be looked at");
  const confirm = async (): Promise<void> => {
    if (hasLeases(shards)) await confirmLeases(() => nc.flush(), shards);
  };
  if (!opened.elsewhere) chores.every(LEASE_CONFIRM_MS, confirm, "leases could not be confirmed");
  chores.every(LEAVING_LOOK_MS, () => runners.leaving.look(), "runners to be removed could not be checked");
}

/** Stores what is remembered, for the next relay. */
async function save({
  deps: { log },
  opened: { watch },
  forwarding: { shards, lanes },
}: Parts): Promise<void> {
  try {
    await Promise.all([...shards.map((shard) => shard.save()), lanes.held.save(), watch.mark()]);
  } catch (error) {
    log.warn({ err: errorText(error) }, "the last checkpoint could not be written");
  }
}

function nameTaken(relay: string): CodedError {
  const text = `another relay with the name "${relay}" runs and was there first; each needs a name of its own (--relay-id)`;
  return codedError("relay_name_taken", text);
}

/** Starts a relay on an open connection. Throws coded errors for a log that does not fit (docs/contract.md, "Memory of what is settled"). */
// oxlint-disable-next-line max-lines-per-function -- what is started stands beside what ends it, and the order of both is what this function is about
export async function startRelay(options: RelayOptions, deps: RelayDeps): Promise<Relay> {
  const { nc, clock, log, coordinator, credentials } = deps;
  const wait = (ms: number): Promise<void> => new Promise((resolve) => void clock.after(ms, resolve));
  const first = Promise.withResolvers<void>();
  let stopping = false;
  await using scope = new AsyncDisposableStack();
  const circle = createCircle();
  const connection = later<Way>("the connection");
  const connected = (): boolean => connection.get().up();
  const connectedSince = (): number => connection.get().since();
  const instance = randomBytes(6).toString("hex");
  const opened = await openLog(options, deps, circle);
  const forwarding = createForwarding(
    { options, deps, opened, circle, instance },
    { gateChanged: first.resolve, stopping: () => stopping },
  );
  const presence = createPresence({
    nc,
    clock,
    log,
    instance,
    relay: sessionToken(options.relay),
    shards: forwarding.shards,
    giveWay: () => deps.fatal(nameTaken(options.relay)),
  });
  const { wholeOnly } = presence;
  const about = { connected, connectedSince, wholeOnly, instance };
  const telling = createTelling({ options, deps, opened, forwarding, ...about });
  const { tunnel, metrics, standing, state } = telling;
  circle.state.set(state);
  const chores = createChores({ clock, log, connected });
  const parts: Parts = { deps, opened, forwarding, telling, chores };
  const followed = followBroker(parts);
  connection.set(followed);
  const { gate, lanes } = forwarding;
  deps.part?.gone.addEventListener("abort", () => void tunnel.close().catch(() => {}), { once: true });
  scope.defer(async () => {
    forwarding.answers.close();
    credentials.close();
    connection.get().leave();
    await nc.drain().catch(() => {});
  });
  scope.defer(() => tunnel.close());
  scope.defer(() => telling.questions.stop());
  const admin = await deps.openAdmin({
    listen: options.adminListen,
    port: options.adminPort,
    keptPort: options.keptPort,
    version: options.version,
    clock,
    token: options.pageToken,
    metrics,
    ready: standing.ready,
    status: standing.status,
  });
  scope.defer(() => admin.close());
  scope.defer(() => presence.stop());
  scope.defer(() => save(parts));
  scope.defer(() => coordinator.close()); // what is still on its way is given up before another relay may send it
  scope.defer(async () => {
    await Promise.race([Promise.all([lanes.dispatcher.drain(), tunnel.leave()]), wait(options.drainMs)]);
  });
  scope.defer(() => state.stop());
  scope.defer(() => gate.stop());
  startChores(parts);
  scope.defer(() => {
    chores.stop();
    followed.stop();
  });
  await lanes.control.read(); // a pause outlives relays: nothing is sent before it is known
  gate.start();
  presence.start();
  await Promise.race([first.promise, wait(FIRST_CHECK_MS)]);
  state.start();
  await nc.flush(); // gateways must know before this relay says that it is ready
  const running = scope.move();
  return {
    adminUrl: admin.url,
    async close() {
      stopping = true;
      connection.get().leave();
      await running.disposeAsync();
    },
  };
}
