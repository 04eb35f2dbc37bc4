import { shardNumbers } from "../../shared/log/schema/partition.ts";
import { parseEventSubject } from "../../shared/log/schema/subjects.ts";
import { Gaps } from "../source/gaps.ts";
import type { Delivery } from "../source/pull.ts";
import type { ShardSource } from "../source/source.ts";
import { createRelayControl, type ControlDeps, type RelayControl } from "./control.ts";
import { createDispatcher, type Dispatcher, type DispatcherDeps } from "./dispatcher.ts";
import { createHeldSessions, HOLD_ABOVE, type HeldDeps } from "./held.ts";
import type { HeldSessions } from "./held-sessions.ts";
import { HeldTable } from "./held/table.ts";
import { createIntake, type IntakeDeps } from "./intake.ts";
import type { Entry, Lane } from "./lane.ts";
import type { Ending } from "./turn-outcome.ts";

// dispatcher.ts decides which lane sends next · intake.ts puts events into lanes · held.ts has sessions that wait for long read from the log · control.ts carries
// out what operators want · settlement.ts says what is settled · stored.ts reads events from the log
// These four need one another: a held session is not dispatched, a paused session is held, and a session that was sent to its end is no longer held. They are
// joined here and nowhere else, so that each of them gets what it needs as an argument and can be tested alone.

export { ownConnections, shareConnections, type Connections } from "./connections.ts";
export { createPace, type Pace } from "./pace.ts";
export { CONTROL_MS } from "./control.ts";
export type { Dispatcher, DispatcherDeps } from "./dispatcher.ts";
export type { HeldSessions } from "./held-sessions.ts";
export type { Entry, Lane } from "./lane.ts";
export { createSettlement, knownHere, type Settlement } from "./settlement.ts";
export { MAX_WHOLE_BYTES } from "./budget.ts";
export { createLeaderReader, createLogReader } from "./stored.ts";
export type { Ending, TurnContext, TurnOutcome } from "./turn-outcome.ts";

type Own =
  | "dispatcher"
  | "held"
  | "table"
  | "isHolding"
  | "paused"
  | "park"
  | "settled"
  | "gaps"
  | "holdAbove";

export type LanesDeps = Omit<DispatcherDeps, Own> &
  Omit<HeldDeps, Own> &
  Omit<ControlDeps, Own> &
  Omit<IntakeDeps, Own> & {
    /** More waiting events of one session than this are left to the log; default {@link HOLD_ABOVE}. */
    holdAbove: number | undefined;
    /** An entry was settled; called after its source knows. */
    settled(entry: Entry, how: Ending): void;
  };

/** All sessions of a relay, and what is done with their events until they are settled. */
export type Lanes = {
  dispatcher: Dispatcher;
  held: HeldSessions;
  control: RelayControl;
  /** Takes an event of a shard. */
  deliver: (shard: ShardSource, delivery: Delivery) => void;
  /** An event of a shard that is settled already came again. */
  passedOver: (shard: number, subject: string) => void;
  /** Drops the waiting events of a shard: they will be delivered again, here or to another relay. */
  clear: (shard: number) => void;
  /** Reads what a takeover has to know of a shard: what operators want, and which of its sessions are held. */
  prepare: (shard: number) => Promise<void>;
};

export function createLanes(deps: LanesDeps): Lanes {
  const gaps = shardNumbers(deps.shardCount).map(() => new Gaps());
  const table = new HeldTable();
  const isHolding = (token: string): boolean => table.change(token) !== undefined;
  const dispatcher = createDispatcher({ ...deps, settled, paused: isPaused, park, isHolding });
  const held = createHeldSessions({ ...deps, dispatcher, table });
  const control = createRelayControl({ ...deps, dispatcher, held });
  const deliver = createIntake({
    ...deps,
    dispatcher,
    held,
    table,
    paused: control.paused,
    gaps: (shard) => gaps[shard],
    holdAbove: deps.holdAbove ?? HOLD_ABOVE,
  });

  function settled(lane: Lane, entry: Entry, how: Ending): void {
    deps.settled(entry, how);
    if (table.has(lane.token)) held.settled(lane, entry);
  }

  function isPaused(token: string): boolean {
    return control.paused(token) !== undefined;
  }

  function park(lane: Lane, reason: string): Promise<void> {
    return held.hold(lane, "parked", reason);
  }

  return {
    dispatcher,
    held,
    control,
    deliver,
    passedOver(shard, subject) {
      const session = parseEventSubject(subject)?.session;
      if (session !== undefined) gaps[shard]?.forget(session); // its number is not known here
    },
    clear(shard) {
      held.forget(shard);
      gaps[shard] = new Gaps(); // events that another relay handled in between are no gap
      dispatcher.clearShard(shard);
    },
    async prepare(shard) {
      await control.read();
      await held.load(shard);
    },
  };
}
