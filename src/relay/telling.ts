import { relayToken } from "../shared/messages/relay-state.ts";
import { sessionToken } from "../shared/log/schema/session-id.ts";
import { stoppedBy } from "./coordinator/gate.ts";
import type { Forwarding } from "./forwarding.ts";
import type { OpenedLog } from "./opened-log.ts";
import type { RelayDeps, RelayOptions } from "./options.ts";
import { createLogReading, unreadOf } from "./report/log-reading.ts";
import { createMetrics, showProcess, type Metrics } from "./report/metrics.ts";
import { serveQuestions } from "./report/questions.ts";
import { createStanding, type Standing } from "./report/standing.ts";
import { createStatePublisher, type StatePublisher } from "./report/state.ts";
import { openTunnel, type RelayTunnel } from "./tunnel/index.ts";

/** The parts that report on a relay, and the tunnel through which others reach the coordinator. */
export type Telling = {
  tunnel: RelayTunnel;
  questions: { stop(): void };
  metrics: Metrics;
  standing: Standing;
  state: StatePublisher;
};

type Given = {
  options: RelayOptions;
  deps: RelayDeps;
  opened: OpenedLog;
  forwarding: Forwarding;
  /** Is the log there? And since when is that so, wall time? */
  connected: () => boolean;
  connectedSince: () => number;
  /** Does another relay run that publishes no briefs? */
  wholeOnly: () => boolean;
  /** Random name of this process. */
  instance: string;
};

function tunnelOf({ options, deps, forwarding, instance }: Given): RelayTunnel {
  const { gate, runners, settlement, counts } = forwarding;
  const { relay, coordinatorUrl, allow, shield } = options;
  return openTunnel({
    ...deps,
    relay: relayToken({ relay, instance }),
    coordinatorUrl,
    tracing: deps.tracing,
    allow,
    shield,
    runners,
    headLimits: { runnerMs: options.runnerTimeoutMs, passMs: options.passTimeoutMs },
    away: () => gate.state().phase === "away",
    doubt: () => gate.doubt(),
    quiet: (session) => settlement.allOver(session),
    foreign: counts.foreign,
  });
}

/** Counts the events that are not in a lane yet. */
function countUnread({ shards, lanes: { dispatcher, held } }: Forwarding): () => number {
  const inLane = (session: string): number => dispatcher.lane(sessionToken(session))?.length ?? 0;
  return () => unreadOf({ shards: () => shards, held: () => held.list(), inLane });
}

function metricsOf(
  { deps, opened, forwarding, connected }: Given,
  tunnel: RelayTunnel,
  unread: () => number,
): Metrics {
  const { clock, credentials } = deps;
  const { registry, gate, pace, runners, shards } = forwarding;
  const { dispatcher, held, control } = forwarding.lanes;
  const reading = createLogReading({
    jsm: opened.jsm,
    shardCount: opened.shardCount,
    clock,
    connected,
    shards: () => shards,
    held: () => held.list(),
  });
  if (deps.linesDropped !== undefined) showProcess(registry, deps.linesDropped);
  return createMetrics(registry, {
    waiting: () => dispatcher.counts().waiting,
    lanes: () => dispatcher.counts().lanes,
    wholeBytes: () => dispatcher.counts().wholeBytes,
    passing: () => tunnel.size,
    gate: () => gate.state(),
    concurrency: () => pace.standing(),
    unread,
    log: () => reading.read(),
    wall: () => clock.wall(),
    tokenExpiresInMs: () => credentials.describe().tokenExpiresInMs,
    paused: () => stoppedBy(gate.state()) !== undefined,
    heldSessions: () => control.counts(),
    leaving: () => runners.leaving.size,
  });
}

/** Makes the parts that report on a relay. They publish nothing before `state.start()`, but the tunnel takes requests at once. */
export function createTelling(parts: Given): Telling {
  const { options, deps, opened, forwarding, connected, connectedSince, wholeOnly, instance } = parts;
  const { nc, clock } = deps;
  const { relay } = options;
  const unread = countUnread(forwarding);
  const standing = createStanding({
    ...deps,
    ...opened,
    ...forwarding,
    relay,
    instance,
    connected,
    connectedSince,
    unread,
    wholeOnly,
  });
  const state = createStatePublisher({ nc, clock, relay, ...standing });
  const tunnel = tunnelOf(parts);
  return {
    tunnel,
    questions: serveQuestions({
      ...deps,
      ...opened,
      ...forwarding,
      ...forwarding.lanes,
      amounts: standing.amounts,
      brief: state.brief,
      relay,
      instance,
      delivered: forwarding.counts.delivered,
      foreign: forwarding.counts.foreign,
    }),
    standing,
    metrics: metricsOf(parts, tunnel, unread),
    state,
  };
}
