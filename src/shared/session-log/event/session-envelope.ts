import { codedError } from "../../base/errors.ts";
import { ENVELOPE_VERSION, packRecord, unpackRecord } from "../../log/schema/record.ts";
import { sessionIdProblem } from "../../log/schema/session-id.ts";
import type { Source } from "./kinds.ts";

/**
 * One event of a session as it lies in the log: the form of the envelopes of `RR_EVENTS`, with fields of its own. `source` tells the two apart. The body is the JSON text
 * as it came (ADR 0002).
 */
export type SessionEnvelope = {
  v: number;
  /** Unique in the session. */
  id: string;
  source: Source;
  /** The type that clients see. */
  kind: string;
  /** The session's id as its user knows it. */
  session: string;
  /** The turn that it belongs to. */
  turn?: string;
  /** Of the owner: its term, and the number of the event in the session, from 1 without a gap. */
  epoch?: number;
  n?: number;
  /** When it was written, wall clock, milliseconds since 1970. For display only. */
  at: number;
  /** Media type of `body`. */
  type: string;
  body: Uint8Array;
  /** W3C `traceparent` of the request or turn. */
  trace?: string;
  /** Of a turn: the process that holds its caller's token. No client sees it. */
  holder?: string;
};

/** An id is a part of message ids. */
const ID = /^[\w-]{1,100}$/;
const KIND = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;
/** Turns have the ids that clients gave them. */
const TURN = /^[\x20-\x7e]{1,128}$/;
const HOLDER = /^[A-Za-z0-9]{1,64}$/;
const TRACE = /^[\x20-\x7e]{0,512}$/;
/** Latest time that can be shown. */
const MAX_AT = 8.64e15;

export function encodeSessionEnvelope(envelope: Omit<SessionEnvelope, "v" | "type">): Uint8Array {
  const { body, ...rest } = envelope;
  return packRecord({ v: ENVELOPE_VERSION, ...rest, type: "application/json", body });
}

/** Throws `schema_newer` for a version this program does not know, `envelope_invalid` for anything else that is no event of a session. */
export function decodeSessionEnvelope(bytes: Uint8Array): SessionEnvelope {
  const it = unpackRecord(bytes) as SessionEnvelope;
  const odd = oddField(it);
  if (odd !== undefined) throw codedError("envelope_invalid", `the envelope's field ${odd} cannot be used`);
  return it;
}

/** The first field that is missing where it must not be, or has a form that no program of ours writes. */
function oddField(it: SessionEnvelope): keyof SessionEnvelope | undefined {
  const text = (value: unknown, form: RegExp): boolean => typeof value === "string" && form.test(value);
  const count = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) > 0;
  if (!text(it.id, ID)) return "id";
  if (!["user", "worker", "push"].includes(it.source)) return "source";
  if (!text(it.kind, KIND)) return "kind";
  if (typeof it.session !== "string" || sessionIdProblem(it.session) !== undefined) return "session";
  if (it.turn !== undefined && !text(it.turn, TURN)) return "turn";
  const owned = it.source === "worker";
  if (owned ? !count(it.epoch) : it.epoch !== undefined) return "epoch";
  if (owned ? !count(it.n) : it.n !== undefined) return "n";
  if (typeof it.at !== "number" || !(Math.abs(it.at) <= MAX_AT)) return "at";
  if (it.type !== "application/json") return "type";
  if (!(it.body instanceof Uint8Array)) return "body";
  if (it.trace !== undefined && !text(it.trace, TRACE)) return "trace";
  if (it.holder !== undefined && !text(it.holder, HOLDER)) return "holder";
  return undefined;
}
