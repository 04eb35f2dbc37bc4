import { randomBytes } from "node:crypto";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import { errorText } from "../shared/base/errors.ts";
import { relayToken } from "../shared/messages/relay-state.ts";
import { sessionToken } from "../shared/log/schema/session-id.ts";
import { STATE_BUCKET } from "../shared/log/schema/topology.ts";
import { createChores } from "./chores.ts";
import { followConnection } from "../shared/log/connection.ts";
import type { RelayDeps, RelayOptions } from "./options.ts";
import { createAnswers } from "./coordinator/answers.ts";
import { createDeadLetters } from "./coordinator/dead-letters.ts";
import { createGate, stoppedBy, type Gate } from "./coordinator/gate.ts";
import { askHealth } from "./coordinator/ask-health.ts";
import { createEventSpans } from "./coordinator/spans.ts";
import { createSuperseded } from "./coordinator/superseded.ts";
import { CONTROL_MS, createLanes, createLogReader, createSettlement, knownHere } from "./lanes/index.ts";
import { REPLICA_LAG_MS } from "./source/direct.ts";
import { createTurns } from "./turns/turns.ts";
import { confirmLeases, LEASE_CONFIRM_MS } from "./source/lease.ts";
import { createLogWatch, MARK_MS } from "./source/log-watch.ts";
import type { Shard } from "./source/shard.ts";
import { createShards, shardIn } from "./source/shards.ts";
import { claimLog } from "./source/owner.ts";
import { createPresence } from "./source/presence.ts";
import { startAdminServer } from "./report/admin-server.ts";
import { createLogReading } from "./report/log-reading.ts";
import { createMetrics } from "./report/metrics.ts";
import { serveQuestions } from "./report/questions.ts";
import { waitingHere } from "./report/waiting.ts";
import { createRunners, LEAVING_LOOK_MS } from "./registrations/index.ts";
import { openTunnel, type RelayTunnel } from "./tunnel/index.ts";
import { createStanding } from "./report/standing.ts";
import { createStatePublisher } from "./report/state.ts";

// The way of an event: source/pull.ts asks the broker · source/shard.ts takes over and remembers · lanes/intake.ts sorts ·
// lanes/dispatcher.ts orders · turns/turn.ts sends one head · coordinator/verdict.ts judges · coordinator/gate.ts pauses · report/ tells others

/**
 * How often checkpoints are written where it presses (shard.ts): what a crash repeats was settled within this time, or was in flight
 * (ONCE-1). 100 ms cost at most 80 small writes a second, for 8 shards under load.
 */
const CHECKPOINT_MS = 100;
/** The relay is ready when the coordinator was asked once, or after this time. Executors that come then get the coordinator's own answer. */
const FIRST_CHECK_MS = 500;

/** A running relay. */
export type Relay = { adminUrl: string; close(): Promise<void> };

/** Starts a relay on an open connection. Throws coded errors for a log that does not fit (docs/contract.md, "Memory of what is settled"). */
export async function startRelay(options: RelayOptions, deps: RelayDeps): Promise<Relay> {
  const { nc, clock, random, log, coordinator, credentials, tracing } = deps;
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  const kv = await new Kvm(jetstream(nc)).open(STATE_BUCKET, { bindOnly: true, allow_direct: true });
  const stream = await claimLog({ jsm, kv, url: options.coordinatorUrl, retarget: options.retarget });
  const watch = createLogWatch({
    nc,
    jsm,
    clock,
    log,
    waiting: () => waitingHere({ dispatcher, held, shards }),
    fatal: deps.fatal,
  });
  await watch.whole();

  let closing = false;
  let firstChecked: () => void = () => {};
  const first = new Promise<void>((resolve) => {
    firstChecked = resolve;
  });
  let tunnel: RelayTunnel | undefined;
  let delivered = 0;
  const answers = createAnswers(nc, clock, sessionToken(options.relay));
  const read = createLogReader(nc);

  const gate: Gate = createGate({
    clock,
    random,
    log,
    health: () => askHealth({ coordinator, clock, credentials }),
    offer: () => dispatcher.offerProbe(),
    changed: gateChanged,
  });
  const reading = createLogReading({
    jsm,
    clock,
    connected: () => connection.up(),
    shards: () => shards,
    held: () => held.list(),
    inLane: (session) => dispatcher.lane(sessionToken(session))?.length ?? 0,
  });
  const metrics = createMetrics({
    waiting: () => dispatcher.counts().waiting,
    lanes: () => dispatcher.counts().lanes,
    wholeBytes: () => dispatcher.counts().wholeBytes,
    passing: () => tunnel?.size ?? 0,
    gate: () => gate.state(),
    unread: () => reading.unread(),
    log: () => reading.read(),
    wall: () => clock.wall(),
    tokenExpiresInMs: () => credentials.describe().tokenExpiresInMs,
    paused: () => stoppedBy(gate.state()) !== undefined,
    heldSessions: () => control.counts(),
    leaving: () => runners.leaving.size,
    linesDropped: deps.linesDropped,
  });
  const settlement = createSettlement({
    nc,
    jsm,
    kv,
    whole: () => watch.whole(),
    ...knownHere({ shardOf, lane: (session) => dispatcher.lane(sessionToken(session)) }),
  });
  const runners = createRunners({
    ...deps,
    jsm,
    kv,
    settlement,
    up: () => gate.state().phase === "up",
    registered: metrics.registered,
    times: options.runnerTimes,
  });
  const turn = createTurns({
    ...deps,
    gate,
    answers,
    deadLetters: createDeadLetters(nc, jsm),
    superseded: createSuperseded(nc),
    homecoming: runners.homecoming,
    policy: options.poisonPolicy,
    streamEpoch: watch.epoch(),
    spans: tracing && createEventSpans(tracing, options.coordinatorUrl, clock),
    report: metrics,
    batch: options.batch,
  });
  const lanes = createLanes({
    ...deps,
    jsm,
    kv,
    gate,
    answers,
    connections: options.connections,
    attemptTimeoutMs: options.attemptTimeoutMs,
    exhaustAfterMs: options.exhaustAfterMs,
    batchMax: options.batch?.max ?? 1,
    holdAbove: options.holdAbove,
    turn,
    read,
    lagMs: stream.replicas > 1 ? REPLICA_LAG_MS : 0,
    settled(entry, how) {
      if (how === "delivered") delivered++;
      metrics.settled(how, entry.arrivedAt, clock.now());
    },
    fence: shardOf,
    owns: (shard) => shardOf(shard).status().phase === "active",
    serves: (shard) => shardOf(shard).status().phase !== "handed_over",
    changed: () => state.changed(),
    gap: metrics.gap,
    foreign: metrics.foreign,
  });
  const { dispatcher, held, control } = lanes;
  const shards = createShards({
    ...deps,
    kv,
    relay: sessionToken(options.relay),
    created: stream.created,
    whole: () => watch.whole(),
    deliver: lanes.deliver,
    clear: lanes.clear,
    prepare: lanes.prepare,
    heldFrom: (shard) => held.lowestFrom(shard, control.goesOn),
    heldPlaces: (shard) => held.places(shard),
    room: () => dispatcher.hasRoom(),
    posted: (shard) => (closing ? Promise.resolve() : dispatcher.posted(shard)), // a stop waited for that already
  });
  const presence = createPresence({ nc, clock, log, relay: sessionToken(options.relay), shards });
  const instance = randomBytes(6).toString("hex");
  const standing = createStanding({
    ...deps,
    relay: options.relay,
    instance,
    connected: () => connection.up(),
    gate,
    shards,
    lanes,
  });
  const state = createStatePublisher({ nc, clock, relay: options.relay, state: standing.state });

  function shardOf(shard: number): Shard {
    return shardIn(shards, shard);
  }

  function gateChanged(): void {
    firstChecked();
    state.changed();
    if (gate.state().phase === "up") dispatcher.opened();
    else dispatcher.releaseWaiting("coordinator away");
  }

  function lost(): void {
    watch.disconnected();
    chores.disconnected();
    control.disconnected();
    for (const shard of shards) shard.disconnected();
  }

  function regained(): void {
    watch.reconnected();
    log.info("broker reconnected");
    for (const shard of shards) shard.reconnected();
    tunnel?.reconnected();
    state.changed();
  }

  const scope = new AsyncDisposableStack();
  const admin = await startAdminServer({
    port: options.adminPort,
    version: options.version,
    clock,
    token: options.pageToken,
    ...standing,
    metrics,
  });
  scope.defer(() => admin.close());
  const chores = createChores({ clock, log, connected: () => connection.up() });
  const connection = followConnection({ nc, lost, regained, fatal: deps.fatal });

  tunnel = openTunnel({
    nc,
    clock,
    log,
    relay: relayToken({ relay: options.relay, instance }),
    coordinatorUrl: options.coordinatorUrl,
    credentials,
    tracing,
    allow: options.allow,
    shield: options.shield,
    runners,
    headLimits: { runnerMs: options.runnerTimeoutMs, passMs: options.passTimeoutMs },
    away: () => gate.state().phase === "away",
    doubt: () => gate.doubt(),
    quiet: (session) => settlement.allOver(session),
    foreign: metrics.foreign,
  });
  scope.defer(() => tunnel?.close());

  const questions = serveQuestions({
    ...deps,
    ...lanes,
    jsm,
    kv,
    settlement,
    gate,
    relay: options.relay,
    instance,
    delivered: () => delivered,
    foreign: metrics.foreign,
  });
  scope.defer(() => questions.stop());
  const save = async (): Promise<void> => {
    await Promise.all([...shards.map((s) => s.save()), held.save(), watch.mark()]);
  };
  for (const shard of shards) chores.every(CHECKPOINT_MS, () => shard.save(), "checkpoint not written");
  chores.every(CHECKPOINT_MS, () => held.save(), "held sessions could not be written");
  chores.every(MARK_MS, () => watch.mark(), "the end of the log could not be recorded");
  chores.every(CONTROL_MS, () => control.tick(), "operators' requests could not be read");
  chores.every(LEASE_CONFIRM_MS, () => confirmLeases(nc, shards), "leases could not be confirmed");
  chores.every(LEAVING_LOOK_MS, () => runners.leaving.look(), "runners to be removed could not be checked");

  await control.read(); // a pause outlives relays: nothing is sent before it is known
  gate.start();
  presence.start();
  await Promise.race([first, new Promise<void>((resolve) => void clock.after(FIRST_CHECK_MS, resolve))]);
  state.start();
  await nc.flush(); // gateways must know before this relay says that it is ready

  return {
    adminUrl: admin.url,
    async close() {
      closing = true;
      connection.leave();
      chores.stop();
      gate.stop();
      state.stop();
      await Promise.race([
        Promise.all([dispatcher.drain(), tunnel?.leave()]),
        new Promise<void>((resolve) => void clock.after(options.drainMs, resolve)),
      ]);
      await coordinator.close(); // what is still on its way is given up before another relay may send it
      await save().catch((error: unknown) =>
        log.warn({ err: errorText(error) }, "the last checkpoint could not be written"),
      );
      await presence.stop();
      await scope.disposeAsync();
      answers.close();
      credentials.close();
      await nc.drain().catch(() => {});
    },
  };
}
