import type { JetStreamManager } from "@nats-io/jetstream";
import { headers as natsHeaders, type MsgHdrs, type NatsConnection } from "@nats-io/nats-core";
import { errorText } from "../../shared/base/errors.ts";
import { ENVELOPE_TYPE, HEADER } from "../../shared/base/headers.ts";
import { sessionToken } from "../../shared/log/schema/session-id.ts";
import { deadSubject, type Kind } from "../../shared/log/schema/subjects.ts";
import { DEAD_STREAM, EVENTS_STREAM } from "../../shared/log/schema/topology.ts";
import { walk } from "../../shared/log/follow/walk.ts";

/** Longest reason that is stored with a dead letter, bytes. */
const MAX_REASON_BYTES = 4096;
/**
 * Longest headers of a letter, and more: a reason of 4 KiB and ten short lines. What a gateway stored fits with them (`bodyLimit`). A program that writes into
 * the log without one may write more: such a letter is stored without its payload, or its session would wait for ever.
 */
const MAX_HEAD_BYTES: number = 8 * 1024;
const PUBLISH_TIMEOUT_MS = 3000;
/** The broker's code if the event has a dead letter already. */
const WRONG_LAST_SEQUENCE = 10071;

/**
 * Why an event is a dead letter. `answered`: the executor itself received the refusal, so it is counted, without an alarm. `decided`: no
 * poison policy applies, because an operator wants it, or because its runner is gone and the event itself is well.
 */
export type Death = {
  reason: string;
  status?: number;
  attempts: number;
  answered?: boolean;
  decided?: boolean;
};

export type DeadLetter = {
  id: string;
  runner: string;
  session: string;
  kind: Kind;
  seq: number;
  payload: Uint8Array;
  death: Death;
};

/** Stores dead letters; an event leaves the log's care only when its letter is on disk (SETTLE-1). */
export type DeadLetters = {
  put(letter: DeadLetter): Promise<{ kind: "stored" } | { kind: "refused"; reason: string }>;
};

/** A text as one header line, without control characters, which would end it, and cut at 4 KiB. */
function headerText(text: string): string {
  const line = text.replaceAll(/[\u0000-\u001f\u007f]+/g, " ").trim();
  if (Buffer.byteLength(line) <= MAX_REASON_BYTES) return line;
  return `${Buffer.from(line)
    .subarray(0, MAX_REASON_BYTES - 4)
    .toString("utf8")
    .replace(/\uFFFD$/, "")}…`;
}

function headersOf(letter: DeadLetter, more: string): MsgHdrs {
  const head = natsHeaders();
  head.set("Content-Type", ENVELOPE_TYPE);
  head.set(HEADER.session, sessionToken(letter.session));
  head.set(HEADER.kind, letter.kind);
  head.set(HEADER.error, headerText(letter.death.reason + more));
  if (letter.death.status !== undefined) head.set(HEADER.status, String(letter.death.status));
  head.set(HEADER.attempts, String(letter.death.attempts));
  head.set(HEADER.origStream, EVENTS_STREAM);
  head.set(HEADER.origSeq, String(letter.seq));
  if (letter.death.answered) head.set(HEADER.answered, "true");
  return head;
}

/**
 * A repeat is refused at any later time by the expected last sequence of its subject; a message id would protect for an hour only. An event can have several
 * letters, if it was redriven or replayed and died again at another place in the log. Each stays, with its own reason, until an operator redrives or drops it.
 */
export function createDeadLetters(
  nc: NatsConnection,
  jsm: JetStreamManager,
  shardCount: number,
): DeadLetters {
  async function publish(letter: DeadLetter, subject: string, lastSeq: number): Promise<boolean> {
    const fits = letter.payload.length + MAX_HEAD_BYTES <= (nc.info?.max_payload ?? Infinity);
    const payload = fits ? letter.payload : new Uint8Array();
    const headers = headersOf(
      letter,
      fits ? "" : `; its ${letter.payload.length} bytes are too large to be kept here`,
    );
    headers.set("Nats-Expected-Last-Subject-Sequence", String(lastSeq));
    const reply = await nc.request(subject, payload, { headers, timeout: PUBLISH_TIMEOUT_MS });
    const { error } = reply.json<{ error?: { err_code?: number; description?: string } }>();
    if (error === undefined) return true;
    if (error.err_code === WRONG_LAST_SEQUENCE) return false;
    throw new Error(error.description ?? "refused");
  }

  return {
    async put(letter) {
      const subject = deadSubject(letter.id, letter.runner, letter.session, letter.kind, shardCount);
      try {
        if (await publish(letter, subject, 0)) return { kind: "stored" };
        let lastSeq = 0;
        for await (const there of walk(jsm, DEAD_STREAM, subject)) {
          if (there.header.get(HEADER.origSeq) === String(letter.seq)) return { kind: "stored" };
          lastSeq = there.seq;
        }
        if (await publish(letter, subject, lastSeq)) return { kind: "stored" };
        return { kind: "refused", reason: "the event's dead letters keep changing" };
      } catch (error) {
        return { kind: "refused", reason: errorText(error) };
      }
    },
  };
}
