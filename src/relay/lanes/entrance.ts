import type { Flow } from "./flow.ts";
import type { Entry, Lane } from "./lane.ts";
import { makeThin, type Memory } from "./memory.ts";
import type { Moves } from "./moves.ts";
import type { Pump } from "./pump.ts";
import type { Roster } from "./roster.ts";
import type { Waiters } from "./waiters.ts";

/** How entries get into lanes, and out of them without a turn. */
export type Entrance = {
  /** A new entry at the end of its lane, which is returned. */
  accept(session: string, token: string, shard: number, entry: Entry): Lane;
  /** An event that comes again after a reset while it is in flight: its delivery is renewed. Returns whether that was so. */
  renew(token: string, seq: number, deliverySeq: number): boolean;
  /** Drops the events that wait in a lane, because they are kept elsewhere now. */
  drop(lane: Lane): Entry[];
  /** Drops everything that waits for a shard: it will be delivered again, here or to another relay. */
  clearShard(shard: number): void;
};

export function createEntrance(deps: {
  roster: Roster;
  memory: Memory;
  moves: Moves;
  pump: Pump;
  flow: Flow;
  waiters: Waiters;
}): Entrance {
  const { roster, memory, moves, pump, flow, waiters } = deps;
  return {
    accept(session, token, shard, entry) {
      const lane = roster.open(session, token, shard);
      if (!flow.flows(lane)) waiters.tell(entry, "backlog");
      if (!memory.admit(lane, entry)) {
        waiters.tell(entry, "backlog"); // a whole entry says which gateway waits
        makeThin(entry);
      }
      lane.push(entry);
      if (lane.phase.name === "idle") {
        moves.goOn(lane);
        pump.run();
      }
      return lane;
    },
    renew(token, seq, deliverySeq) {
      const entry = roster.get(token)?.inFlight.find((it) => it.seq === seq);
      if (entry === undefined) return false;
      entry.deliverySeq = deliverySeq;
      entry.stale = false;
      return true;
    },
    drop(lane) {
      const dropped = lane.drop();
      for (const entry of dropped) {
        waiters.tell(entry, "held");
        memory.release(entry);
      }
      return dropped;
    },
    clearShard(shard) {
      for (const lane of roster.all()) {
        if (lane.shard !== shard) continue;
        for (const entry of lane.clear()) memory.release(entry);
        moves.move(lane, { on: "clear" });
      }
    },
  };
}
