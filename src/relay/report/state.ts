import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../shared/clock.ts";
import {
  encodeState,
  STATE_INTERVAL_MS,
  STATE_MAX_SESSIONS,
  type RelayState,
} from "../../shared/relay-state.ts";
import { sessionToken } from "../../shared/session-id.ts";
import { STATE_SUBJECT } from "../../shared/subjects.ts";
import type { GateState } from "../forward/gate.ts";

/** Changes within this time go out as one message. */
const GATHER_MS = 5;

/** Tells gateways and operators how this relay is: on change and every second (DESIGN 5). */
export function createStatePublisher(deps: {
  nc: NatsConnection;
  clock: Clock;
  relay: string;
  state(mostSessions: number): Omit<RelayState, "v" | "relay">;
}): { start(): void; changed(): void; stop(): void } {
  const { nc, clock } = deps;
  const subject = `${STATE_SUBJECT}.${sessionToken(deps.relay)}`;
  let cancel: () => void = () => {};
  let gathering = false;
  let stopped = false;

  function publish(last = false): void {
    cancel();
    if (stopped || nc.isClosed()) return;
    stopped = last; // what changes during the drain must not call this relay alive again
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

/** What others are told of the switch between lanes and coordinator. Pure. */
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
