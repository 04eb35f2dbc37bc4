import { ENVELOPE_VERSION, encodeEnvelope, type Envelope } from "../schema/envelope.ts";
import { ENVELOPE_TYPE, HEADER } from "../../base/headers.ts";
import type { Kind } from "../schema/subjects.ts";
import type { LogMessage } from "./log.ts";
import type { SessionNumber, Write } from "./write.ts";

/** Text of a session number, as headers and answers show it. */
export function showNumber(number: SessionNumber): string {
  return `${number.epoch}-${number.seq}`;
}

/** Header lines that all messages of one kind and session share. */
export function sharedLines(session: string, kind: Kind): string {
  return (
    `${HEADER.session}: ${session}\r\n` +
    `${HEADER.kind}: ${kind}\r\n` +
    `${HEADER.schema}: ${ENVELOPE_VERSION}\r\n` +
    `${HEADER.contentType}: ${ENVELOPE_TYPE}\r\n`
  );
}

/**
 * The message of a write: the envelope, and headers for people with the `nats` CLI. The header lines are joined by hand: the client's
 * header object costs more than the whole envelope. No value can break a line: session ids hold no control characters, the rest is ours.
 */
export function messageOf(write: Write, number: SessionNumber, runner: string): LogMessage {
  const envelope: Envelope = {
    v: ENVELOPE_VERSION,
    id: write.id,
    kind: write.kind,
    session: write.session,
    runner,
    epoch: number.epoch,
    seq: number.seq,
    at: write.receivedAt,
    type: write.type,
    body: write.body,
  };
  if (write.run !== undefined) envelope.run = write.run;
  if (write.answer !== undefined) envelope.answer = write.answer;
  if (write.trace !== undefined) envelope.trace = write.trace.traceparent;
  if (write.trace?.tracestate !== undefined) envelope.tracestate = write.trace.tracestate;
  return {
    subject: write.subject,
    head:
      `${HEADER.id}: ${write.id}\r\n` +
      `${HEADER.seq}: ${showNumber(number)}\r\n` +
      `${HEADER.receivedAt}: ${isoTime(write.receivedAt)}\r\n${write.lines}` +
      (write.trace === undefined ? "" : `${HEADER.trace}: ${write.trace.traceparent}\r\n`),
    payload: encodeEnvelope(envelope),
  };
}

let lastTime = -1;
let lastText = "";

/** ISO time; messages of one commit mostly share their millisecond. */
function isoTime(at: number): string {
  if (at !== lastTime) [lastTime, lastText] = [at, new Date(at).toISOString()];
  return lastText;
}
