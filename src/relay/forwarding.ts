import { Registry } from "prom-client";
import { relayToken } from "../shared/messages/relay-state.ts";
import { sessionToken } from "../shared/log/schema/session-id.ts";
import type { Circle } from "./circle.ts";
import { createAnswers, type Answers } from "./coordinator/answers.ts";
import { askHealth } from "./coordinator/ask-health.ts";
import { createDeadLetters } from "./coordinator/dead-letters.ts";
import { createGate, type Gate } from "./coordinator/gate.ts";
import { createEventSpans } from "./coordinator/spans.ts";
import { createSuperseded } from "./coordinator/superseded.ts";
import {
  createLanes,
  createLeaderReader,
  createLogReader,
  createPace,
  createSettlement,
  knownHere,
  MAX_WHOLE_BYTES,
  ownConnections,
  type Lanes,
  type Pace,
  type Settlement,
} from "./lanes/index.ts";
import type { OpenedLog } from "./opened-log.ts";
import type { RelayDeps, RelayOptions } from "./options.ts";
import { createRunners, type Runners } from "./registrations/index.ts";
import { createCounts, type Counts } from "./report/counts.ts";
import { REPLICA_LAG_MS } from "./source/direct.ts";
import type { Shard } from "./source/shard.ts";
import { createShards } from "./source/shards.ts";
import { createTurns } from "./turns/turns.ts";

/** What the parts here are made from. */
type Given = {
  options: RelayOptions;
  deps: RelayDeps;
  opened: OpenedLog;
  circle: Circle;
  counts: Counts;
  /** Random name of this process. */
  instance: string;
};

/** The parts that bring events from the log to the coordinator. */
export type Forwarding = {
  registry: Registry;
  counts: Counts;
  gate: Gate;
  pace: Pace;
  answers: Answers;
  settlement: Settlement;
  runners: Runners;
  lanes: Lanes;
  shards: readonly Shard[];
};

export type ForwardingEvents = {
  /** The gate is in another phase. */
  gateChanged: () => void;
  /** True while the relay stops. The stop itself waits for requests that are on their way. */
  stopping: () => boolean;
};

function settlementOf({ deps: { nc }, opened: { jsm, kv, watch, shardCount }, circle }: Given): Settlement {
  return createSettlement({
    nc,
    jsm,
    shardCount,
    kv,
    whole: () => watch.whole(),
    ...knownHere({
      shardCount,
      shardOf: circle.shardOf,
      lane: (session) => circle.lanes.get().dispatcher.lane(sessionToken(session)),
    }),
  });
}

function lanesOf(given: Given, parts: Pick<Forwarding, "gate" | "pace" | "answers" | "runners">): Lanes {
  const { options, deps, opened, circle, counts } = given;
  const { nc, clock, tracing } = deps;
  const turn = createTurns({
    ...deps,
    ...parts,
    deadLetters: createDeadLetters(nc, opened.jsm, opened.shardCount),
    superseded: createSuperseded(nc),
    homecoming: parts.runners.homecoming,
    policy: options.poisonPolicy,
    streamEpoch: opened.watch.epoch(),
    spans: tracing && createEventSpans(tracing, options.coordinatorUrl, clock),
    report: {
      ...counts,
      attempted(verdict, ms, result) {
        counts.attempted(verdict, ms, result);
        parts.pace.attempted(result, ms);
      },
    },
    batch: options.batch,
  });
  return createLanes({
    ...deps,
    ...opened,
    ...parts,
    connections: parts.pace,
    mostWholeBytes: deps.part?.mostWholeBytes ?? (() => MAX_WHOLE_BYTES),
    attemptTimeoutMs: options.attemptTimeoutMs,
    exhaustAfterMs: options.exhaustAfterMs,
    batchMax: options.batch?.max ?? 1,
    holdAbove: options.holdAbove,
    turn,
    read: createLogReader(nc, opened.shardCount),
    readLeader: createLeaderReader(opened.jsm, opened.shardCount),
    lagMs: opened.stream.replicas > 1 ? REPLICA_LAG_MS : 0,
    settled: (entry, how) => counts.settled(how, entry.arrivedAt, clock.now()),
    fence: circle.shardOf,
    owns: (shard) => circle.shardOf(shard).status().phase === "active",
    serves: (shard) => circle.shardOf(shard).status().phase !== "handed_over",
    changed: () => circle.state.get().changed(),
    gap: counts.gap,
    foreign: counts.foreign,
  });
}

function shardsOf(
  { options, deps, opened, instance }: Given,
  lanes: Lanes,
  stopping: () => boolean,
): readonly Shard[] {
  const { dispatcher, held, control } = lanes;
  return createShards({
    ...deps,
    kv: opened.kv,
    shardCount: opened.shardCount,
    process: relayToken({ relay: options.relay, instance }),
    elsewhere: opened.elsewhere,
    created: opened.stream.created,
    whole: () => opened.watch.whole(),
    deliver: lanes.deliver,
    passedOver: lanes.passedOver,
    clear: lanes.clear,
    prepare: lanes.prepare,
    heldFrom: (shard) => held.lowestFrom(shard, control.goesOn),
    heldPlaces: (shard) => held.places(shard),
    room: () => dispatcher.hasRoom(),
    posted: (shard) => (stopping() ? Promise.resolve() : dispatcher.posted(shard)),
  });
}

/** Makes what brings events from the log to the coordinator, and closes the circles between these parts. Nothing runs yet. */
export function createForwarding(given: Omit<Given, "counts">, events: ForwardingEvents): Forwarding {
  const { options, deps, opened, circle, instance } = given;
  const { nc, clock, coordinator, credentials } = deps;
  const registry = new Registry();
  const counts = createCounts(registry);
  const answers = createAnswers(nc, clock, relayToken({ relay: options.relay, instance }));
  const pace = createPace({
    clock,
    connections: deps.part?.connections ?? ownConnections(options.connections),
    total: options.connections,
  });
  const gate: Gate = createGate({
    ...deps,
    health: () => askHealth({ coordinator, clock, credentials }),
    offer: () => circle.lanes.get().dispatcher.offerProbe(),
    changed() {
      events.gateChanged();
      circle.state.get().changed();
      const { dispatcher } = circle.lanes.get();
      if (gate.state().phase !== "up") return dispatcher.releaseWaiting("coordinator away");
      pace.begin();
      dispatcher.opened();
    },
  });
  const settlement = settlementOf({ ...given, counts });
  const runners = createRunners({
    ...deps,
    jsm: opened.jsm,
    shardCount: opened.shardCount,
    kv: opened.kv,
    settlement,
    up: () => gate.state().phase === "up",
    registered: counts.registered,
    times: options.runnerTimes,
  });
  const lanes = lanesOf({ ...given, counts }, { gate, pace, answers, runners });
  circle.lanes.set(lanes);
  const shards = shardsOf({ ...given, counts }, lanes, events.stopping);
  circle.shards.set(shards);
  return { registry, counts, gate, pace, answers, settlement, runners, lanes, shards };
}
