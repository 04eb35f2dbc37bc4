import type { HeldRecord } from "../../../shared/log/state/held.ts";

/** A durable pointer into the log, from which a session's events are read, and what this relay knows of them. */
export type Pointer = {
  /** As it is stored, but for `from`, which moves with every event that is settled. */
  record: HeldRecord;
  readonly shard: number;
  /** Next sequence to read. */
  cursor: number;
  /** Highest sequence that the consumer delivered and that was left to the log. */
  lastPassed: number;
  /** From this time on (clock.now) a read that finds nothing means that the session has no more events. */
  readonly joinsAt: number;
  /** Events that wait, and their bytes as far as they were seen here: gateways limit the session by them. */
  waiting: number;
  bytes: number;
  /** `from` moved since the record was written. */
  dirty: boolean;
  /** Revision of the record as it was last written here. Undefined if the record was only read. */
  revision: number | undefined;
  /** Resolves when the write under way has ended; never rejects. */
  writing: Promise<void>;
};

/** A pointer that is being made, given another reason, or deleted. */
export type Change = {
  /** The session's lowest unsettled sequence, which moves meanwhile. Undefined before the broker is asked. */
  from: number | undefined;
  /** Ends when the broker has answered, and rejects if nothing came of it. */
  work: Promise<void>;
};

/** The reading of a session from the log. */
export type Reading =
  | { readonly is: "resting" }
  | { readonly is: "running" }
  /** The next read comes by itself. */
  | { readonly is: "waiting"; readonly cancel: () => void };

/**
 * The state of a session and its pointer. `below`: events below this sequence were sent from the log here. They come again only if a crash set the
 * consumer back, and are then passed over.
 */
export type HeldState =
  /** Nothing is known of it. This is the state of almost all sessions. */
  | { readonly name: "free" }
  /** It joined the live stream, and its consumer may still be behind. */
  | { readonly name: "joined"; readonly shard: number; readonly below: number }
  /** Its pointer is being written for the first time; until then its events go to its lane. */
  | { readonly name: "entering"; readonly shard: number; readonly below: number; readonly change: Change }
  /** Its events are read from the log. `change`: it is about to stand still, and its pointer is being written with that reason. */
  | {
      readonly name: "draining";
      readonly below: number;
      readonly pointer: Pointer;
      readonly reading: Reading;
      readonly change: Change | undefined;
    }
  /** It is parked or paused: its events stay in the log. */
  | { readonly name: "standing"; readonly below: number; readonly pointer: Pointer }
  /** It has caught up, and its pointer is being deleted; its lane stands still until then. `next`: it should be held again after that. */
  | {
      readonly name: "leaving";
      readonly shard: number;
      readonly below: number;
      readonly change: Change;
      readonly next: Change | undefined;
    }
  /** Its shard was lost. What this relay saw settled, it does not read again if it gets the shard back. */
  | { readonly name: "forgotten"; readonly shard: number; readonly below: number; from: number };

export type HeldEvent =
  /** It should be held: the change begins. */
  | { readonly on: "hold"; readonly shard: number; readonly change: Change }
  /** The pointer was written. */
  | { readonly on: "written"; readonly pointer: Pointer }
  /** The pointer was written, but the shard was lost meanwhile. */
  | { readonly on: "late"; readonly shard: number; readonly from: number }
  /** The change failed. */
  | { readonly on: "failed" }
  /** Its shard was taken over, and this is its pointer. */
  | { readonly on: "load"; readonly pointer: Pointer }
  /** Its shard was taken over, and it has no pointer. */
  | { readonly on: "absent" }
  /** Its shard was lost, or is taken over anew. */
  | { readonly on: "lost" }
  /** An operator lets it go on. */
  | { readonly on: "resume" }
  /** That could not be written. */
  | { readonly on: "revert" }
  | { readonly on: "read" }
  | { readonly on: "read_over" }
  /** The next read comes after a while. */
  | { readonly on: "wait"; readonly cancel: () => void }
  /** All of it was read and is settled. */
  | { readonly on: "leave"; readonly change: Change }
  /** The pointer was deleted. */
  | { readonly on: "left" }
  /** The shard's own memory knows by now what was sent from the log. */
  | { readonly on: "known" };

export type HeldEffect =
  /** The events that wait in the lane are dropped and acknowledged, because the pointer stands for them. */
  | { readonly do: "pass" }
  /** The lane stands still. */
  | { readonly do: "halt" }
  /** The lane continues. */
  | { readonly do: "go_on" }
  /** The timer has no owner any more. */
  | { readonly do: "cancel"; readonly timer: () => void };

/** The shard of a session that is not free. */
export function shardOfHeld(state: HeldState): number | undefined {
  if (state.name === "free") return undefined;
  return state.name === "draining" || state.name === "standing" ? state.pointer.shard : state.shard;
}

export const FREE: HeldState = { name: "free" };
