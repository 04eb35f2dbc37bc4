import type { HeldPlace, HeldReason, HeldRecord } from "../../shared/log/state/held.ts";
import type { Entry, Lane } from "./lane.ts";

/** The held sessions as other files use them; `held.ts` keeps them. Events of other sessions do not come here (held/table.ts). */
export type HeldSessions = {
  /** Reads the held sessions of a shard. To be called before its consumer is reset. */
  load(shard: number): Promise<void>;
  /** Another relay has the shard now, or it will be loaded again. */
  forget(shard: number): void;
  /** Lowest sequence of the shard's held sessions that are to go on, as they are stored; undefined for none. */
  lowestFrom(shard: number, goesOn: (record: HeldRecord) => boolean): Promise<number | undefined>;
  /** True if the event, of a session that the table has, is left to the log. The caller must then acknowledge it and go on. */
  takes(token: string, seq: number, bytes: number): boolean;
  /** Writes the pointer from which the lane's events are read from the log later, and then acknowledges what waits in the lane. */
  hold(lane: Lane, reason: HeldReason, text: string): Promise<void>;
  /** To be called when an entry was settled of a session that the table has. */
  settled(lane: Lane, entry: Entry): void;
  /** Writes the pointers that have moved. */
  save(): Promise<void>;
  /** Why a session is held here; undefined if it is not. */
  reason(token: string): HeldReason | undefined;
  /** Is the pointer of the session being written, so that it is held, or held for another reason? */
  isChanging(token: string): boolean;
  /**
   * Lets a parked or paused session go on, durably; the event at `skip` becomes a dead letter instead of being sent. Throws if the
   * shard is not ours or the broker does not answer.
   */
  resume(token: string, skip?: number): Promise<void>;
  list(): { record: HeldRecord; waiting: number; bytes: number }[];
  /** How much of one held session waits; undefined if it is not held. */
  waits(token: string): { events: number; bytes: number } | undefined;
  /** The shards with held sessions. */
  shards(): Set<number>;
  /** Held sessions of a shard, for its checkpoint. */
  places(shard: number): HeldPlace[];
  /** Is it known how many events of the shard's held sessions wait? */
  isCounted: (shard: number) => boolean;
};
