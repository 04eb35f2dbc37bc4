import { codedError } from "../../base/errors.ts";
import type { HeldPlace } from "./held.ts";
import { parseJsonWithin } from "../../base/json-scan.ts";
import type { Range } from "./ranges.ts";

/**
 * What was last seen of the log, above all its newest message, in KV under `stateKey.mark`. Every start and every reconnect compares the log with it
 * (log-end.ts). Relays write it about once a second while events come.
 */
export type LogMark = {
  v: 1;
  /** When the log was made, as in `StreamInfo.created`. */
  created: string;
  seq: number;
  /** When that message was stored, milliseconds since 1970 with their fraction. */
  at: number;
  /** The highest number ever seen. It is above `seq` only after a loss, if the lost numbers could not be skipped. */
  highest: number;
  /** How often the log was mended. What a relay remembers from before a mending is void. */
  mended: number;
  /** First part of `Rr-Stream-Seq`, if it is not the log's creation: numbers have been used again since then. */
  epoch?: number;
  /** The log's first number. */
  first?: number;
  /** Numbers above it that are known to be missing; at most {@link MOST_HOLES} ranges. */
  holes?: Range[];
  /** Numbers of events that are there and cannot be read. */
  unreadable?: Range[];
  /** Sessions with waiting events, and how many wait; those with most first. After a loss nothing else says whose events were lost. */
  waiting?: [session: string, events: number][];
  /** Held sessions, with their pointers into the log, so that a pointer that the bucket loses is noticed. */
  held?: HeldPlace[];
  /** Of the stream of dead letters. `removed`: how many had been removed by then at least (removals.ts). */
  dead?: { created: string; seq: number; messages: number; removed?: number };
};

export const MOST_HOLES = 1000;
/** Limits for a stored mark: a few times a thousand ranges and a thousand sessions of 200 bytes. */
const MARK = { bytes: 4 * 1024 * 1024, depth: 8, values: 100_000 };

export function encodeMark(mark: LogMark): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(mark));
}

/** Throws `schema_newer` for a version this program does not know, `checkpoint_mismatch` for anything that is no mark. */
export function decodeMark(bytes: Uint8Array): LogMark {
  const value = parseJsonWithin(bytes, MARK);
  if (typeof value !== "object" || value === null || !("v" in value) || typeof value.v !== "number")
    throw codedError("checkpoint_mismatch", "the stored value is not a mark of a log");
  if (value.v > 1) throw codedError("schema_newer", `mark version ${value.v} is newer than 1`);
  const it = value as LogMark;
  const whole =
    typeof it.created === "string" &&
    [it.seq, it.highest, it.mended].every(Number.isSafeInteger) &&
    Number.isFinite(it.at) &&
    [it.epoch, it.first].every((n) => n === undefined || Number.isSafeInteger(n)) &&
    [it.holes, it.unreadable, it.waiting, it.held].every(
      (list) => list === undefined || Array.isArray(list),
    ) &&
    (it.dead === undefined || typeof it.dead === "object");
  if (!whole) throw codedError("checkpoint_mismatch", "the mark of the log lacks fields");
  return it;
}
