import { DEAD_BYTES, LOG_SHARE_OF_FREE_DISK, STATE_BYTES } from "../log/schema/topology.ts";

const MIB = 1024 * 1024;
/** Largest log of sessions that is made; a smaller disk makes a smaller one. */
export const MAX_SESSIONS_BYTES: number = 10 * 1024 * MIB;
/** Less is no log of sessions: four sessions at their limit of 64 MiB would fill it. */
export const LEAST_SESSIONS_BYTES: number = 256 * MIB;
/** Room for what is known about sessions: at about 500 B each, more than 60,000 of them. */
export const SESSION_STATE_BYTES: number = 32 * MIB;

/** Share of the free disk in a new data folder, where the log of events takes 45 %. */
const SHARE_OF_NEW_DISK = 0.25;
/** Share of what an existing log of events leaves. */
const SHARE_OF_REST = 0.5;

/** Size of a new log of sessions beside a log of events, bytes, where the free disk is not known: in the proportion of a new data folder. Pure. */
export function sizeBeside(eventsBytes: number): number {
  const bytes = Math.floor((eventsBytes * SHARE_OF_NEW_DISK) / LOG_SHARE_OF_FREE_DISK);
  return Math.min(MAX_SESSIONS_BYTES, Math.max(LEAST_SESSIONS_BYTES, bytes));
}

/** What the size of a new log of sessions is computed from. */
export type Room = {
  /** Free disk of the broker's store, bytes. */
  freeBytes: number;
  /** True if the log of events was made just now, by its own rule. */
  isNew: boolean;
  /** Limit and present size of the log of events, bytes. */
  events: { maxBytes: number; usedBytes: number };
};

/** Size of a new log of sessions, bytes. Undefined if the disk has no room for one beside the log of events. Pure. */
export function sessionsBytes({ freeBytes, isNew, events }: Room): number | undefined {
  const reserved = DEAD_BYTES + STATE_BYTES + SESSION_STATE_BYTES;
  const rest = freeBytes - reserved - Math.max(0, events.maxBytes - events.usedBytes);
  const share = isNew ? Math.min(rest, (freeBytes - reserved) * SHARE_OF_NEW_DISK) : rest * SHARE_OF_REST;
  const bytes = Math.min(MAX_SESSIONS_BYTES, Math.floor(share));
  return bytes < LEAST_SESSIONS_BYTES ? undefined : bytes;
}
