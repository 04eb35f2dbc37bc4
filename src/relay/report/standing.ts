import type { NatsConnection } from "@nats-io/nats-core";
import type { RelayState } from "../../shared/messages/relay-state.ts";
import type { Credentials } from "../../shared/credentials/index.ts";
import type { Gate } from "../coordinator/gate.ts";
import type { Lanes } from "../lanes/index.ts";
import type { Shard } from "../source/shard.ts";
import type { Dependency } from "./admin-server.ts";
import { backlogOf, claimsOf, coordinatorStateOf } from "./state.ts";

/** Most sessions with a backlog in `/status`. */
const MOST_SESSIONS = 100;

/** Reports the state of this relay: to gateways and operators through the broker, to others at its own port. */
export type Standing = {
  /** The message on `rr.state`, with at most this many sessions. */
  state: (mostSessions: number) => Omit<RelayState, "v" | "relay">;
  /** The answer of `/ready`. */
  ready: () => Record<"log" | "coordinator" | "credentials", Dependency>;
  /** The answer of `/status`, for people. */
  status: () => Record<string, unknown>;
};

export function createStanding(deps: {
  nc: NatsConnection;
  relay: string;
  /** Random name of this process. */
  instance: string;
  connected: () => boolean;
  gate: Pick<Gate, "state">;
  credentials: Pick<Credentials, "describe">;
  shards: readonly Pick<Shard, "status">[];
  lanes: Pick<Lanes, "dispatcher" | "held" | "control">;
}): Standing {
  const { nc, gate, credentials, shards } = deps;
  const { dispatcher, held, control } = deps.lanes;
  return {
    state(most) {
      const lanes = dispatcher.backlog(most);
      return {
        instance: deps.instance,
        ...claimsOf(
          shards.map((shard) => shard.status()),
          held.isCounted,
        ),
        coordinator: coordinatorStateOf(gate.state()),
        ...backlogOf({ held: held.list(), lanes, idle: control.idle() }, most),
        controls: control.inForce(),
      };
    },
    ready() {
      const connected = deps.connected();
      const { kind, lastError } = credentials.describe();
      return {
        log: { ok: !nc.isClosed() && connected, detail: connected ? nc.getServer() : "disconnected" },
        coordinator: {
          ok: gate.state().phase === "up",
          detail: coordinatorStateOf(gate.state()).reason ?? "up",
        },
        credentials: { ok: lastError === undefined, detail: lastError ?? kind },
      };
    },
    status: () => ({
      relay: deps.relay,
      gate: gate.state(),
      credentials: credentials.describe(),
      shards: shards.map((shard) => shard.status()),
      lanes: dispatcher.counts(),
      backlog: dispatcher.backlog(MOST_SESSIONS),
      held: held.list(),
      paused: { all: control.pause(), sessions: control.idle() },
    }),
  };
}
