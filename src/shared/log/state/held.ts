import type { JetStreamManager } from "@nats-io/jetstream";
import { codedError, errorText, isCoded } from "../../base/errors.ts";
import { pack, RECORD, unpack } from "../../base/msgpack.ts";
import { textOfToken } from "../schema/session-id.ts";
import { decodeStates, type Stored } from "./state-store.ts";
import { stateKey } from "../schema/topology.ts";

/** Why a session's events are read from the log instead of the consumer. Only with `backlog` its events are sent; with the others it waits for an operator. */
export type HeldReason = "backlog" | "parked" | "paused";

/** How the coordinator refused the first event of a session that stands still: the dead letter says so if an operator skips the event. */
export type Refusal = {
  status?: number;
  attempts: number;
  /** The executor itself received it. */
  answered?: boolean;
};

/** A held session, in KV under `stateKey.held(token)`: its events from `from` on are acked but not settled (docs/contract.md, "Held sessions"). */
export type HeldRecord = {
  v: 1;
  session: string;
  /** Lowest unsettled sequence. */
  from: number;
  reason: HeldReason;
  /** For people: what happened. */
  text: string;
  /** Wall clock, milliseconds since 1970. */
  since: number;
  /** An operator decided that the event at this sequence becomes a dead letter instead of being sent. */
  skip?: number;
  /** Absent if its first event was not refused, or an older version wrote the record. */
  refusal?: Refusal;
  /** It was parked with this event in front, and an operator had that tried again. */
  before?: { from: number; text: string; since: number };
};

/** A held session as others remember it, so that a pointer that was lost can be written again: lowest unsettled sequence, and why it is held. */
export type HeldPlace = [session: string, from: number, reason: HeldReason];

const REASONS: ReadonlySet<string> = new Set<HeldReason>(["backlog", "parked", "paused"]);
/** Longest text that is kept, characters: a coordinator's refusal may have megabytes, and every command shows it. */
const MAX_TEXT = 2000;

export function encodeHeld(record: HeldRecord): Uint8Array {
  return pack({ ...record, text: heldText(record.text) });
}

/** A text as it is kept. Pure. */
export function heldText(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT - 1)}…` : text;
}

/** Throws `schema_newer` for a newer version and `envelope_invalid` for anything that is no such record. */
export function decodeHeld(bytes: Uint8Array): HeldRecord {
  let value: unknown;
  try {
    value = unpack(bytes, RECORD);
  } catch (cause) {
    throw codedError("envelope_invalid", "the held record cannot be read", { cause });
  }
  if (typeof value !== "object" || value === null || !("v" in value) || typeof value.v !== "number") {
    throw codedError("envelope_invalid", "the stored value is not a held record");
  }
  if (value.v > 1) throw codedError("schema_newer", `held record version ${value.v} is newer than 1`);
  const it = value as HeldRecord;
  const whole =
    typeof it.session === "string" &&
    Number.isSafeInteger(it.from) && // pruning stops there
    REASONS.has(it.reason) &&
    typeof it.text === "string";
  if (!whole) throw codedError("envelope_invalid", "the held record lacks fields");
  return it;
}

export function isHeldPlace(it: unknown): it is HeldPlace {
  if (!Array.isArray(it)) return false;
  const [session, from, reason] = it as unknown[];
  return typeof session === "string" && Number.isSafeInteger(from) && REASONS.has(reason as string);
}

/**
 * The held session under a key. A value that cannot be read counts as a session that waits for an operator, from its first event on: it must not end every
 * relay that reads it, and it must not be ignored either, because the session's events were acknowledged (SETTLE-1). Throws `schema_newer`.
 */
export function heldUnder(key: string, { value, at }: Pick<Stored, "value" | "at">): HeldRecord {
  try {
    return decodeHeld(value);
  } catch (error) {
    if (!isCoded(error, "envelope_invalid")) throw error;
    const session = textOfToken(key.slice(stateKey.held("").length));
    const text = `${errorText(error)}; a resume sends again what the log still holds of the session`;
    return { v: 1, session, from: 1, reason: "parked", text, since: at };
  }
}

/** Every held session, by its key in the bucket. Throws as {@link heldUnder}. */
export function readHeld(jsm: JetStreamManager): Promise<Map<string, HeldRecord>> {
  return decodeStates(jsm, stateKey.held("*"), (stored, key) => heldUnder(key, stored));
}
