import type { Lane } from "./lane.ts";
import type { Moves } from "./moves.ts";
import type { Pump } from "./pump.ts";
import type { ReadyLanes } from "./ready.ts";
import type { Roster } from "./roster.ts";

/** What the lanes do when the gate lets one of them try, or opens. */
export type AfterOutage = {
  /** Lets one lane use the gate's probe. Returns whether one did. */
  offerProbe(): boolean;
  /** The gate opened: lanes that wait because of the outage start now. */
  opened(): void;
  /** An operator does not want to wait for a lane's next try, even if the coordinator asked for the wait. Returns whether the lane waited. */
  tryNow(token: string): boolean;
};

export function createAfterOutage(deps: {
  roster: Roster;
  ready: ReadyLanes;
  moves: Moves;
  pump: Pump;
}): AfterOutage {
  const { roster, ready, moves, pump } = deps;
  return {
    offerProbe() {
      if (pump.isDraining) return false;
      const longest = ready.size === 0 ? triedLongestAgo(roster.all()) : undefined;
      if (longest !== undefined) moves.goOn(longest);
      const before = pump.total;
      pump.run();
      return pump.total > before;
    },
    opened() {
      for (const lane of roster.all()) {
        if (!backsOff(lane)) continue;
        lane.forgive();
        lane.repute = "unproven";
        moves.goOn(lane);
      }
      pump.run();
    },
    tryNow(token) {
      const lane = roster.get(token);
      if (lane?.phase.name !== "backoff" || lane.phase.until === undefined) return false;
      moves.goOn(lane);
      pump.run();
      return true;
    },
  };
}

/** Does a lane wait for a time that may be shortened? */
function backsOff({ phase }: Lane): boolean {
  return phase.name === "backoff" && !phase.asked;
}

/** Chooses the lane that probes. A head that keeps failing must not take every probe. Pure. */
function triedLongestAgo(lanes: Iterable<Lane>): Lane | undefined {
  let longest: Lane | undefined;
  for (const lane of lanes) {
    if (!backsOff(lane) || lane.length === 0) continue;
    if (longest === undefined || lane.lastFailureAt < longest.lastFailureAt) longest = lane;
  }
  return longest;
}
