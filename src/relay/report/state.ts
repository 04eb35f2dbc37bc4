import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../shared/base/clock.ts";
import {
  encodeState,
  STATE_INTERVAL_MS,
  STATE_MAX_SESSIONS,
  type RelayState,
} from "../../shared/messages/relay-state.ts";
import type { RelayBrief } from "../../shared/messages/relay-brief.ts";
import { sessionToken } from "../../shared/log/schema/session-id.ts";
import { STATE_SUBJECT } from "../../shared/log/schema/subjects.ts";
import type { GateState } from "../coordinator/gate.ts";
import type { HeldSessions } from "../lanes/index.ts";
import type { Shard } from "../source/shard.ts";
import { createBriefs, type BriefContent } from "./briefs.ts";

/** Changes within this time are sent as one message. */
const GATHER_MS = 5;

export type StatePublisher = {
  start(): void;
  /** The state has changed. */
  changed(): void;
  /** The newest brief, for a gateway that did not hear it. */
  brief: () => RelayBrief;
  /** Publishes that the relay stops, and nothing after that. */
  stop(): void;
};

/**
 * Publishes how this relay is, on every change and every second (docs/contract.md, "The answer"): the whole state for operators, and for gateways a brief if it is
 * another one than the last, else a beat (ADR 0059).
 */
export function createStatePublisher(deps: {
  nc: NatsConnection;
  clock: Clock;
  relay: string;
  state(mostSessions: number): Omit<RelayState, "v" | "relay">;
  brief(): BriefContent;
}): StatePublisher {
  const { nc, clock, relay } = deps;
  const briefs = createBriefs(deps);
  let cancel: () => void = () => {};
  let gathering = false;
  let stopped = false;

  function publish(why: "change" | "tick" | "stop"): void {
    if (stopped || nc.isClosed()) return;
    stopped = why === "stop"; // changes during the drain must not announce this relay as alive again
    const stopping = stopped ? { stopping: true as const } : {};
    briefs.publish(why);
    const state: RelayState = { v: 1, relay, ...deps.state(STATE_MAX_SESSIONS), ...stopping };
    nc.publish(`${STATE_SUBJECT}.${sessionToken(relay)}`, encodeState(state));
  }

  /** Not moved by changes: however often they come, what gateways hear every second comes every second. */
  function tick(): void {
    if (stopped || nc.isClosed()) return;
    publish("tick");
    cancel = clock.after(STATE_INTERVAL_MS, tick);
  }

  return {
    start: tick,
    changed() {
      if (gathering) return;
      gathering = true;
      clock.after(GATHER_MS, () => {
        gathering = false;
        publish("change");
      });
    },
    brief: () => briefs.newest(),
    stop() {
      cancel();
      publish("stop");
    },
  };
}

/**
 * The state of the shards that this relay owns, and of those that it would take over. `isCounted`: the backlog of its held sessions is known. A
 * stand-by relay must not report on another relay's sessions, because gateways would take its empty lanes for theirs. Pure.
 */
export function claimsOf(
  shards: readonly ReturnType<Shard["status"]>[],
  isCounted: (shard: number) => boolean,
): Required<Pick<RelayState, "shards" | "standby">> {
  const isStandby = ({ phase }: (typeof shards)[number]): boolean =>
    phase !== "active" && phase !== "handed_over";
  return {
    shards: shards
      .filter(({ phase }) => phase === "active")
      .map(({ shard, behind }) => ({ shard, behind: behind || !isCounted(shard) })),
    standby: shards.filter(isStandby).map(({ shard }) => shard),
  };
}

type Waiting = RelayState["backlog"];

/**
 * The sessions in a relay's state, those with the largest held backlog first. The lane of a held session has only the few events that were read
 * back, so its held events are counted instead. `idle`: paused sessions without pending events. Pure.
 */
export function backlogOf(
  known: {
    held: ReturnType<HeldSessions["list"]>;
    lanes: { sessions: Waiting; overflow: boolean };
    idle: readonly string[];
  },
  most: number,
): Pick<RelayState, "backlog" | "overflow"> {
  const { lanes } = known;
  const held: Waiting = known.held.map(({ record, waiting: events, bytes }) => ({
    session: record.session,
    events,
    bytes,
  }));
  if (held.length > most) held.sort((a, b) => b.events - a.events); // gateways refuse writes to the longest ones
  const named = new Set(held.map(({ session }) => session));
  const others = lanes.sessions.filter(({ session }) => !named.has(session));
  const idle = known.idle.map((session) => ({ session, events: 0, bytes: 0 }));
  const waiting = [...held, ...others, ...idle];
  return { backlog: waiting.slice(0, most), overflow: lanes.overflow || waiting.length > most };
}

/** The part of a relay's state about the gate between lanes and coordinator. Pure. */
export function coordinatorStateOf(gate: GateState): RelayState["coordinator"] {
  switch (gate.phase) {
    case "up":
      return { state: "up" };
    case "checking":
      return { state: "away", reason: "checking" };
    case "away":
      return { state: "away", reason: "breaker_open", since: gate.since };
    case "paused":
      return { state: "paused", reason: gate.reason, since: gate.since };
  }
}
