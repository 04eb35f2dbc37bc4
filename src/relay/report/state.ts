import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../shared/base/clock.ts";
import {
  encodeState,
  STATE_INTERVAL_MS,
  STATE_MAX_SESSIONS,
  type RelayState,
} from "../../shared/messages/relay-state.ts";
import { sessionToken } from "../../shared/log/schema/session-id.ts";
import { STATE_SUBJECT } from "../../shared/log/schema/subjects.ts";
import type { GateState } from "../coordinator/gate.ts";
import type { HeldSessions } from "../lanes/index.ts";
import type { Shard } from "../source/shard.ts";

/** Changes within this time are sent as one message. */
const GATHER_MS = 5;

export type StatePublisher = {
  start(): void;
  /** The state has changed. */
  changed(): void;
  /** Publishes that the relay stops, and nothing after that. */
  stop(): void;
};

/** Publishes the state of this relay for gateways and operators, on every change and every second (docs/contract.md, "The answer"). */
export function createStatePublisher(deps: {
  nc: NatsConnection;
  clock: Clock;
  relay: string;
  state(mostSessions: number): Omit<RelayState, "v" | "relay">;
}): StatePublisher {
  const { nc, clock } = deps;
  const subject = `${STATE_SUBJECT}.${sessionToken(deps.relay)}`;
  let cancel: () => void = () => {};
  let gathering = false;
  let stopped = false;

  function publish(last = false): void {
    cancel();
    if (stopped || nc.isClosed()) return;
    stopped = last; // changes during the drain must not announce this relay as alive again
    const state: RelayState = {
      v: 1,
      relay: deps.relay,
      ...deps.state(STATE_MAX_SESSIONS),
      ...(last ? { stopping: true } : {}),
    };
    nc.publish(subject, encodeState(state));
    if (!last) cancel = clock.after(STATE_INTERVAL_MS, publish);
  }

  return {
    start: () => publish(),
    changed() {
      if (gathering) return;
      gathering = true;
      clock.after(GATHER_MS, () => {
        gathering = false;
        publish();
      });
    },
    stop: () => publish(true),
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
