import type { HeldPlace, HeldReason, HeldRecord } from "../../shared/log/state/held.ts";
import type { Entry, Lane } from "./lane.ts";

/** What others may ask of sessions whose events wait for long: `held.ts` keeps them. */
export type HeldSessions = {
  /** Reads the held sessions of a shard; before its consumer is reset. */
  load(shard: number): Promise<void>;
  /** The shard is somebody else's now, or will be loaded again. */
  forget(shard: number): void;
  /** Lowest sequence of the shard's held sessions that are to go on, as they are stored; undefined for none. */
  lowestFrom(shard: number, goesOn: (record: HeldRecord) => boolean): Promise<number | undefined>;
  /** True if the event is left to the log: it must be acked and passed. */
  takes(token: string, seq: number, bytes: number): boolean;
  /** Makes it durable that the log keeps the lane's events from its head on, then passes what waits in the lane. */
  hold(lane: Lane, reason: HeldReason, text: string): Promise<void>;
  /** To be called when an entry of a lane was settled. */
  settled(lane: Lane, entry: Entry): void;
  /** Writes what moved. */
  save(): Promise<void>;
  /** Why a session is held here; undefined if it is not. */
  reason(token: string): HeldReason | undefined;
  /**
   * Lets a parked or paused session go on, durably; the event at `skip` becomes a dead letter instead of being sent. Throws if the
   * shard is not ours or the broker does not answer.
   */
  resume(token: string, skip?: number): Promise<void>;
  list(): { record: HeldRecord; waiting: number; bytes: number }[];
  /** Held sessions of a shard, for its checkpoint. */
  places(shard: number): HeldPlace[];
  /** Is it known how much waits of the shard's held sessions? */
  isCounted: (shard: number) => boolean;
};
