import type { NatsConnection } from "@nats-io/nats-core";
import { shardOf } from "../../shared/log/schema/partition.ts";
import { sessionToken } from "../../shared/log/schema/session-id.ts";
import type { SessionWord } from "../../shared/messages/session-amounts.ts";
import type { RelayState } from "../../shared/messages/relay-state.ts";
import type { Credentials } from "../../shared/credentials/index.ts";
import type { Gate } from "../coordinator/gate.ts";
import type { Lanes, Pace } from "../lanes/index.ts";
import type { Shard } from "../source/shard.ts";
import type { Dependency } from "./admin-server.ts";
import type { BriefContent } from "./briefs.ts";
import { backlogOf, claimsOf, coordinatorStateOf } from "./state.ts";

/** Most sessions with a backlog in `/status`. */
const MOST_SESSIONS = 100;

/** Of a paused session that has nothing: what comes for it will wait. */
const NOTHING: SessionWord = { events: 0, bytes: 0 };

/** Reports the state of this relay: to gateways and operators through the broker, to others at its own port. */
export type Standing = {
  /** The message on `rr.state`, with at most this many sessions. */
  state: (mostSessions: number) => Omit<RelayState, "v" | "relay">;
  /** What gateways hear. */
  brief: () => BriefContent;
  /** How much of these sessions waits. */
  amounts: (sessions: readonly string[]) => SessionWord[];
  /** The answer of `/ready`. */
  ready: () => Record<"log" | "coordinator" | "credentials", Dependency>;
  /** The answer of `/status`, for people. */
  status: () => Record<string, unknown>;
};

type StandingDeps = {
  nc: NatsConnection;
  relay: string;
  /** Random name of this process. */
  instance: string;
  connected: () => boolean;
  /** Since when that is so, wall time. */
  connectedSince: () => number;
  /** Events that are not in a lane yet. */
  unread: () => number;
  /** Shards of the log. */
  shardCount: number;
  gate: Pick<Gate, "state">;
  pace: Pick<Pace, "standing">;
  credentials: Pick<Credentials, "describe">;
  shards: readonly Pick<Shard, "status">[];
  /** Does another relay run that publishes no briefs? */
  wholeOnly: () => boolean;
  lanes: Pick<Lanes, "dispatcher" | "held" | "control">;
};

function claimsNow({ shards, lanes: { held } }: StandingDeps): ReturnType<typeof claimsOf> {
  return claimsOf(
    shards.map((shard) => shard.status()),
    held.isCounted,
  );
}

function briefNow(deps: StandingDeps): BriefContent {
  const { dispatcher, held, control } = deps.lanes;
  const { shards, standby } = claimsNow(deps);
  const waiting = dispatcher.waitingShards().union(held.shards());
  for (const session of control.idle()) waiting.add(shardOf(session, deps.shardCount));
  return {
    relay: deps.relay,
    instance: deps.instance,
    shards: shards.map((it) => ({ ...it, waiting: waiting.has(it.shard) })),
    standby,
    coordinator: coordinatorStateOf(deps.gate.state()),
    wholeOnly: deps.wholeOnly(),
  };
}

function concurrencyOf(pace: StandingDeps["pace"]): { allowed: number; bound: number } {
  const { allowed, bound } = pace.standing();
  return { allowed, bound };
}

function amountsNow(deps: StandingDeps, sessions: readonly string[]): SessionWord[] {
  const { dispatcher, held, control } = deps.lanes;
  const { shards } = claimsNow(deps);
  const read = new Set(shards.filter(({ behind }) => !behind).map(({ shard }) => shard));
  return sessions.map((session) => {
    if (!read.has(shardOf(session, deps.shardCount))) return "unknown";
    const token = sessionToken(session);
    const paused = control.paused(token) !== undefined;
    return held.waits(token) ?? dispatcher.waits(token) ?? (paused ? NOTHING : "none");
  });
}

export function createStanding(deps: StandingDeps): Standing {
  const { nc, gate, credentials, shards } = deps;
  const { dispatcher, held, control } = deps.lanes;
  return {
    brief: () => briefNow(deps),
    amounts: (sessions) => amountsNow(deps, sessions),
    state(most) {
      const lanes = dispatcher.backlog(most);
      return {
        instance: deps.instance,
        ...claimsNow(deps),
        coordinator: coordinatorStateOf(gate.state()),
        ...backlogOf({ held: held.list(), lanes, idle: control.idle() }, most),
        controls: control.inForce(),
      };
    },
    ready() {
      const connected = deps.connected();
      const { kind, lastError } = credentials.describe();
      return {
        log: {
          ok: !nc.isClosed() && connected,
          detail: connected ? nc.getServer() : "disconnected",
          since: new Date(deps.connectedSince()).toISOString(),
          waiting: { events: dispatcher.counts().waiting + deps.unread() },
        },
        coordinator: {
          ok: gate.state().phase === "up",
          detail: coordinatorStateOf(gate.state()).reason ?? "up",
          concurrency: concurrencyOf(deps.pace),
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
      concurrency: deps.pace.standing(),
      backlog: dispatcher.backlog(MOST_SESSIONS),
      held: held.list(),
      paused: { all: control.pause(), sessions: control.idle() },
    }),
  };
}
