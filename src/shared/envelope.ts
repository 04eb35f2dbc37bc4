import { Packr } from "msgpackr";
import { codedError } from "./errors.ts";
import { isKind, type Kind } from "./subjects.ts";

/** Version that this program writes. A reader that meets a newer one stops and loses nothing (DESIGN 6). */
export const ENVELOPE_VERSION = 1;

/** One accepted write as it lies in the log. The body is the JSON text as it came, byte for byte: ADR 0002. */
export type Envelope = {
  v: number;
  /** Event id: message id in the log, `Idempotency-Key` upstream. */
  id: string;
  kind: Kind;
  session: string;
  /** Identity of the runner whose gateway accepted it. */
  runner: string;
  /** Number of the event within (session, epoch), from 1 without a gap. */
  epoch: string;
  seq: number;
  /** When it was accepted, wall clock, milliseconds since 1970. For display and retention only. */
  at: number;
  /** Media type of `body`. */
  type: string;
  body: Uint8Array;
  /** For kind `run`: the run, and which report (`started`, `completed`, …) it is. */
  run?: { id: string; report: string };
  /** Subject on which a gateway waits for the coordinator's answer. */
  answer?: string;
  /** W3C `traceparent` of the executor's request, or of the span in which a gateway that traces stored it. */
  trace?: string;
  /** W3C `tracestate` that belongs to it. */
  tracestate?: string;
  /** What this repeats, `<stream>:<sequence>`: put in again by `replay` or `reconcile`. */
  replayOf?: string;
};

/** An id is a token of the subject of a dead letter, and a header upstream. */
const TOKEN = /^[\w-]{1,100}$/;
const packr = new Packr({ useRecords: false, variableMapSize: true });

export function encodeEnvelope(envelope: Envelope): Uint8Array {
  return packr.pack(envelope);
}

/** Throws `schema_newer` for a version this program does not know, `envelope_invalid` for anything that is no envelope. */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
  let value: unknown;
  try {
    value = packr.unpack(bytes);
  } catch (cause) {
    throw codedError("envelope_invalid", "the payload is not msgpack", { cause });
  }
  if (typeof value !== "object" || value === null || !("v" in value) || typeof value.v !== "number") {
    throw codedError("envelope_invalid", "the payload is not an envelope");
  }
  if (value.v > ENVELOPE_VERSION) {
    throw codedError("schema_newer", `envelope version ${value.v} is newer than ${ENVELOPE_VERSION}`);
  }
  const it = value as Envelope;
  const whole =
    typeof it.id === "string" &&
    TOKEN.test(it.id) &&
    isKind(it.kind) &&
    typeof it.session === "string" &&
    typeof it.runner === "string" &&
    typeof it.epoch === "string" &&
    Number.isSafeInteger(it.seq) &&
    typeof it.at === "number" &&
    typeof it.type === "string" &&
    it.body instanceof Uint8Array &&
    (it.run === undefined || (typeof it.run?.id === "string" && typeof it.run.report === "string")) &&
    (it.answer === undefined || typeof it.answer === "string") &&
    (it.replayOf === undefined || typeof it.replayOf === "string") &&
    (it.trace === undefined || typeof it.trace === "string") &&
    (it.tracestate === undefined || typeof it.tracestate === "string");
  if (!whole) throw codedError("envelope_invalid", "the envelope lacks fields");
  return it;
}
