import { JetStreamApiError, type JetStreamManager, type StoredMsg } from "@nats-io/jetstream";
import { headers, nuid, type NatsConnection } from "@nats-io/nats-core";
import { codedError } from "./errors.ts";
import { ENVELOPE_TYPE, HEADER } from "./headers.ts";
import { textOfToken } from "./session-id.ts";
import { eventSubject, isKind, type Kind } from "./subjects.ts";
import { DEAD_STREAM } from "./topology.ts";
import { walk } from "./walk.ts";

const NO_SUCH_MESSAGE = 10043;

/** A dead letter: where it lies, whose it is, why it died. The payload is the event's envelope as it was. */
export type DeadLetter = {
  seq: number;
  id: string;
  runner: string;
  session: string;
  kind: Kind;
  /** When it was stored, ISO. */
  at: string;
  reason: string;
  status?: number;
  attempts: number;
  /** Sequence that it had in the log. */
  origSeq: number;
  /** The executor itself received the refusal. */
  answered: boolean;
  payload: Uint8Array;
};

/** Every dead letter, oldest first, of one session if it is named; a page at a time, so that memory does not grow with them. */
export async function* deadLetters(jsm: JetStreamManager, session?: string): AsyncGenerator<DeadLetter> {
  for await (const message of walk(jsm, DEAD_STREAM, "rr.dead.>")) {
    const letter = letterOf(message);
    if (letter !== undefined && (session === undefined || letter.session === session)) yield letter;
  }
}

/** One dead letter by its event id; undefined if there is none. */
export async function findDeadLetter(jsm: JetStreamManager, id: string): Promise<DeadLetter | undefined> {
  if (!/^[A-Za-z0-9_-]+$/.test(id)) return undefined; // no subject token of ours; a wildcard would match others
  const message = await jsm.direct.getMessage(DEAD_STREAM, { last_by_subj: `rr.dead.${id}.>` });
  return message === null ? undefined : letterOf(message);
}

/**
 * Puts a dead letter's event into the log again and removes the letter. It has a new message id, because the broker would recognise the
 * old one; upstream its key is the event id as before (DESIGN 5, "Idempotency"). The letter goes last and by its own sequence: after a crash in
 * between it can be redriven once more, and a letter of the new attempt stays.
 */
export async function redrive(
  nc: NatsConnection,
  jsm: JetStreamManager,
  letter: DeadLetter,
): Promise<number> {
  const head = headers();
  head.set(HEADER.id, `redrive-${letter.id}-${nuid.next()}`);
  head.set(HEADER.session, letter.session);
  head.set(HEADER.kind, letter.kind);
  head.set(HEADER.contentType, ENVELOPE_TYPE);
  head.set(HEADER.replayOf, `${DEAD_STREAM}:${letter.seq}`);
  const subject = eventSubject(letter.runner, letter.session, letter.kind, "replay");
  const reply = await nc.request(subject, letter.payload, { headers: head, timeout: 5000 });
  const { seq, error } = reply.json<{ seq?: number; error?: { description: string } }>();
  if (seq === undefined)
    throw codedError("log_refused", `${letter.id}: ${error?.description ?? "no sequence"}`);
  await dropDeadLetter(jsm, letter.seq);
  return seq;
}

/** Removes one dead letter by its own sequence in the stream of dead letters. False if it is gone already. */
export async function dropDeadLetter(jsm: JetStreamManager, seq: number): Promise<boolean> {
  try {
    return await jsm.streams.deleteMessage(DEAD_STREAM, seq, false);
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === NO_SUCH_MESSAGE) return false;
    throw error;
  }
}

function letterOf(message: StoredMsg): DeadLetter | undefined {
  const [, , id, , runner, session, kind] = message.subject.split(".");
  if (!id || !runner || !session || !isKind(kind)) return undefined;
  const { header } = message;
  const status = Number(header.get(HEADER.status));
  return {
    seq: message.seq,
    id,
    runner: textOfToken(runner),
    session: textOfToken(session),
    kind,
    at: message.time.toISOString(),
    reason: header.get(HEADER.error),
    ...(status > 0 ? { status } : {}),
    attempts: Number(header.get(HEADER.attempts)),
    origSeq: Number(header.get(HEADER.origSeq)),
    answered: header.get(HEADER.answered) === "true",
    payload: message.data,
  };
}
