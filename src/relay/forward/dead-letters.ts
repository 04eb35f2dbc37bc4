import { headers as natsHeaders, type NatsConnection } from "@nats-io/nats-core";
import { errorText } from "../../shared/errors.ts";
import { ENVELOPE_TYPE, HEADER } from "../../shared/headers.ts";
import { sessionToken } from "../../shared/session-id.ts";
import { deadSubject, type Kind } from "../../shared/subjects.ts";
import { EVENTS_STREAM } from "../../shared/topology.ts";

/** Longest reason that is stored with a dead letter, bytes. */
const MAX_REASON_BYTES = 4096;
const PUBLISH_TIMEOUT_MS = 3000;
/** "wrong last sequence": the letter is there already. */
const ALREADY_THERE = 10071;

/** Why an event is a dead letter. */
export type Death = { reason: string; status?: number; attempts: number };

export type DeadLetter = {
  id: string;
  runner: string;
  session: string;
  kind: Kind;
  seq: number;
  payload: Uint8Array;
  death: Death;
  /** The executor itself received the refusal: counted, no alarm. */
  answered: boolean;
};

/** Stores dead letters; an event leaves the log's care only when its letter is on disk (SETTLE-1). */
export type DeadLetters = {
  put(letter: DeadLetter): Promise<{ kind: "stored" } | { kind: "refused"; reason: string }>;
};

/** A repeat is refused by the expected last subject sequence at any later time, where a message id would protect for an hour only. */
export function createDeadLetters(nc: NatsConnection): DeadLetters {
  return {
    async put(letter) {
      const head = natsHeaders();
      head.set("Nats-Expected-Last-Subject-Sequence", "0");
      head.set("Content-Type", ENVELOPE_TYPE);
      head.set(HEADER.session, sessionToken(letter.session));
      head.set(HEADER.kind, letter.kind);
      head.set(HEADER.error, headerText(letter.death.reason));
      if (letter.death.status !== undefined) head.set(HEADER.status, String(letter.death.status));
      head.set(HEADER.attempts, String(letter.death.attempts));
      head.set(HEADER.origStream, EVENTS_STREAM);
      head.set(HEADER.origSeq, String(letter.seq));
      if (letter.answered) head.set(HEADER.answered, "true");
      const subject = deadSubject(letter.id, letter.runner, letter.session, letter.kind);
      try {
        const reply = await nc.request(subject, letter.payload, {
          headers: head,
          timeout: PUBLISH_TIMEOUT_MS,
        });
        const ack = reply.json<{ seq?: number; error?: { err_code?: number; description?: string } }>();
        if (ack.error === undefined || ack.error.err_code === ALREADY_THERE) return { kind: "stored" };
        return { kind: "refused", reason: ack.error.description ?? "unknown" };
      } catch (error) {
        return { kind: "refused", reason: errorText(error) };
      }
    },
  };
}

/** One header line: control characters would end it, more than 4 KiB helps nobody. */
function headerText(text: string): string {
  const line = text.replaceAll(/[\u0000-\u001f\u007f]+/g, " ").trim();
  if (Buffer.byteLength(line) <= MAX_REASON_BYTES) return line;
  return `${Buffer.from(line)
    .subarray(0, MAX_REASON_BYTES - 4)
    .toString("utf8")
    .replace(/\uFFFD$/, "")}…`;
}
