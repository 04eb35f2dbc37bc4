import { STATE_SILENCE_MS, type RelayState } from "../../shared/messages/relay-state.ts";

/** A relay, as its last state says. */
type KnownRelay = {
  state: RelayState;
  /** Monotonic time of that message. */
  at: number;
  shards: ReadonlyMap<number, { behind: boolean }>;
  standby: ReadonlySet<number>;
  backlogged: ReadonlySet<string>;
};

/** Why a request is not held until the coordinator answers. */
export type NoWait = "no_relay" | "coordinator_away" | "coordinator_paused" | "backlog";

/** What the gateway knows about relays and coordinator, from `rr.state`. The caller passes the time, so that nothing here depends on a clock. */
export type Relays = {
  /** Takes a message in. Returns the shards whose requests need not wait any longer. */
  take(state: RelayState, now: number): number[];
  /** Shards that fell silent since the last call of this or {@link take}. */
  silenced(now: number): number[];
  /** Undefined if an answer of the coordinator may be waited for. */
  noWait(shard: number, session: string, now: number): NoWait | undefined;
  /** For `/_relay/ready`. */
  summary(now: number): {
    relay: "up" | "away";
    coordinator: "up" | "away" | "paused" | "unknown";
    reason?: string;
    /** If all relays are away: how long ago the last one was heard. Undefined if none ever was. */
    silentMs?: number;
  };
};

const UP: RelayState["coordinator"] = { state: "up" };

export function createRelays(): Relays {
  const known = new Map<string, KnownRelay>();
  /** Shards whose answers could be awaited after the last message. */
  let live = new Set<number>();
  let heardAt: number | undefined;

  /** The relay that forwards for the shard, or otherwise the one that would: an idle shard has no owner until something comes for it. */
  function ownerOf(shard: number, now: number): KnownRelay | undefined {
    let owner: KnownRelay | undefined;
    let standby: KnownRelay | undefined;
    for (const relay of known.values()) {
      if (now - relay.at >= STATE_SILENCE_MS) continue;
      if (relay.shards.has(shard)) owner = newer(relay, owner); // while a shard moves, both may claim it
      if (relay.standby.has(shard)) standby = newer(relay, standby);
    }
    return owner ?? standby;
  }

  /** Shards that were live at the last call and are not now. */
  function lost(now: number): number[] {
    const before = live;
    live = new Set();
    for (const { shards, standby } of known.values())
      for (const shard of [...shards.keys(), ...standby])
        if (ownerOf(shard, now)?.state.coordinator.state === "up") live.add(shard);
    return [...before].filter((shard) => !live.has(shard));
  }

  return {
    take(state, now) {
      heardAt = now;
      if (state.stopping) known.delete(state.relay);
      else {
        known.set(state.relay, {
          state,
          at: now,
          shards: new Map(state.shards.map(({ shard, behind }) => [shard, { behind }])),
          standby: new Set(state.standby),
          backlogged: new Set(state.backlog.map(({ session }) => session)),
        });
      }
      return lost(now);
    },
    silenced(now) {
      for (const [name, relay] of known) if (now - relay.at >= STATE_SILENCE_MS) known.delete(name);
      return lost(now);
    },
    noWait(shard, session, now) {
      const owner = ownerOf(shard, now);
      if (owner === undefined) return "no_relay";
      const { coordinator, overflow } = owner.state;
      if (coordinator.state === "away") return "coordinator_away";
      if (coordinator.state === "paused") return "coordinator_paused";
      if (overflow || owner.shards.get(shard)?.behind || owner.backlogged.has(session)) return "backlog";
      return undefined;
    },
    summary: (now) => summaryOf([...known.values()], heardAt, now),
  };
}

function summaryOf(
  known: readonly KnownRelay[],
  heardAt: number | undefined,
  now: number,
): ReturnType<Relays["summary"]> {
  const fresh = known.filter((relay) => now - relay.at < STATE_SILENCE_MS);
  if (fresh.length === 0) {
    const silent = heardAt === undefined ? {} : { silentMs: now - heardAt };
    return { relay: "away", coordinator: "unknown", ...silent };
  }
  const { state, reason } =
    fresh.map((relay) => relay.state.coordinator).find((coordinator) => coordinator.state !== "up") ?? UP;
  return { relay: "up", coordinator: state, ...(reason === undefined ? {} : { reason }) };
}

function newer(relay: KnownRelay, than: KnownRelay | undefined): KnownRelay {
  return than === undefined || relay.at > than.at ? relay : than;
}
