import { codedError } from "../../base/errors.ts";
import type { HeldPlace } from "./held.ts";
import { parseJsonWithin } from "../../base/json-scan.ts";
import type { Range } from "./ranges.ts";

/**
 * The newest message of the log that was seen, in KV under `stateKey.mark`: against it every start and every reconnect holds the log (log-end.ts). Relays write it
 * about once a second while events come.
 */
export type LogMark = {
  v: 1;
  /** When the log was made, as in `StreamInfo.created`. */
  created: string;
  seq: number;
  /** When that message was stored, milliseconds since 1970 with their fraction. */
  at: number;
  /** The highest number ever seen; above `seq` only after a loss whose numbers could not be passed over. */
  highest: number;
  /** How often the log was mended: what a relay remembers from before is void. */
  mended: number;
  /** First part of `Rr-Stream-Seq` where it is not the log's creation: numbers came again since. */
  epoch?: number;
  /** First number that the log held. */
  first?: number;
  /** Numbers above it that are known to be missing; at most {@link MOST_HOLES} ranges. */
  holes?: Range[];
  /** Numbers whose events are there and cannot be read. */
  unreadable?: Range[];
  /** Sessions whose events waited, with how many; those with most first. Whose events were lost, nobody else could say. */
  waiting?: [session: string, events: number][];
  /** Held sessions, with their pointers into the log: what a pointer's loss would hide. */
  held?: HeldPlace[];
  /** Of the stream of dead letters. */
  dead?: { created: string; seq: number; messages: number };
};

export const MOST_HOLES = 1000;
/** A thousand ranges and some thousand sessions of 200 bytes; a few times as much. */
const MARK = { bytes: 4 * 1024 * 1024, depth: 8, values: 100_000 };

export function encodeMark(mark: LogMark): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(mark));
}

/** Throws `schema_newer` for a version this program does not know, `checkpoint_mismatch` for anything that is no mark. */
export function decodeMark(bytes: Uint8Array): LogMark {
  const value = parseJsonWithin(bytes, MARK);
  if (typeof value !== "object" || value === null || !("v" in value) || typeof value.v !== "number")
    throw codedError("checkpoint_mismatch", "the stored value is no mark of a log");
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
