import { codedError } from "../../base/errors.ts";
import { packRecord, unpackRecord } from "./record.ts";
import { sessionIdProblem } from "./session-id.ts";
import { isKind, type Kind } from "./subjects.ts";

export { ENVELOPE_VERSION } from "./record.ts";

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
/** A report is the last segment of a path. */
const REPORT = /^[a-z_]{1,32}$/;
/** What becomes a header of a request must be one: a line break or a megabyte in it would look like a coordinator that fails. */
const HEADER_VALUE = /^[\x20-\x7e]{0,512}$/;
/** A subject that a gateway listens to; longer ones make the broker drop the connection. */
const SUBJECT = /^[\w.=-]{0,1024}$/;

/** Longest name of a runner, characters: encoded, nine times as long at most, it is a part of subjects, and 4 KiB of subject are what a broker takes. */
const MAX_RUNNER = 255;
/** Longest id of a run, characters. */
const MAX_RUN_ID = 1024;

export function encodeEnvelope(envelope: Envelope): Uint8Array {
  return packRecord(envelope);
}

/**
 * Throws `schema_newer` for a version this program does not know, `envelope_invalid` for anything that is no envelope, or one that could not be sent:
 * any client that may write into the log may write anything.
 */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
  const it = unpackRecord(bytes) as Envelope;
  if (!isWhole(it)) throw codedError("envelope_invalid", "the envelope lacks fields");
  const odd = oddField(it);
  if (odd !== undefined) throw codedError("envelope_invalid", `the envelope's field ${odd} cannot be used`);
  return it;
}

function isWhole(it: Envelope): boolean {
  return (
    typeof it.id === "string" &&
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
    (it.tracestate === undefined || typeof it.tracestate === "string")
  );
}

/** The first field that a request, a subject or a key of ours could not hold. */
function oddField(it: Envelope): keyof Envelope | undefined {
  if (!TOKEN.test(it.id)) return "id";
  if (!TOKEN.test(it.session) && sessionIdProblem(it.session) !== undefined) return "session";
  if (it.runner.length === 0 || it.runner.length > MAX_RUNNER) return "runner";
  if (!HEADER_VALUE.test(it.epoch)) return "epoch";
  if (it.type !== "application/json" && !HEADER_VALUE.test(it.type)) return "type";
  if (it.run !== undefined && !isRun(it.run)) return "run";
  if (it.answer !== undefined && !SUBJECT.test(it.answer)) return "answer";
  if (it.replayOf !== undefined && !HEADER_VALUE.test(it.replayOf)) return "replayOf";
  if (it.trace !== undefined && !HEADER_VALUE.test(it.trace)) return "trace";
  if (it.tracestate !== undefined && !HEADER_VALUE.test(it.tracestate)) return "tracestate";
  return undefined;
}

/** Both become segments of a path, with our credentials. */
function isRun({ id, report }: NonNullable<Envelope["run"]>): boolean {
  return id.length <= MAX_RUN_ID && !/^\.{0,2}$|\//.test(id) && REPORT.test(report);
}
