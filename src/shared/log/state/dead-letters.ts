import { JetStreamApiError, type JetStreamManager, type StoredMsg } from "@nats-io/jetstream";
import { headers, type NatsConnection } from "@nats-io/nats-core";
import { codedError } from "../../base/errors.ts";
import { ENVELOPE_TYPE, HEADER } from "../../base/headers.ts";
import { shardOf } from "../schema/partition.ts";
import { sessionToken, textOfToken } from "../schema/session-id.ts";
import { EVERYTHING, eventSubject, isKind, type Kind } from "../schema/subjects.ts";
import { DEAD_STREAM } from "../schema/topology.ts";
import { walk } from "../follow/walk.ts";

/** The server's code when a message to be deleted is gone already. Other failures of a deletion have the same code. */
const DELETE_FAILED = 10057;
const GONE = /no message found|deleted message/;

/** A dead letter: where it is stored, whose event it is, and why it died. The payload is the event's envelope as it was. */
export type DeadLetter = {
  seq: number;
  id: string;
  runner: string;
  session: string;
  kind: Kind;
  /** Time of storage, ISO. */
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

/** Subject filter of all dead letters, or those of one session. */
export function deadFilter(session?: string): string {
  return session === undefined ? EVERYTHING : `rr.dead.*.${shardOf(session)}.*.${sessionToken(session)}.*`;
}

/**
 * Every dead letter, oldest first, of one session if it is named; a page at a time, so that memory does not grow with them. `left` is how
 * many follow.
 */
export async function* deadLetters(
  jsm: JetStreamManager,
  session?: string,
): AsyncGenerator<DeadLetter & { left: number }> {
  for await (const message of walk(jsm, DEAD_STREAM, deadFilter(session))) {
    const letter = letterOf(message);
    if (letter !== undefined) yield { ...letter, left: message.pending };
  }
}

/** Ids of all events that are dead letters. They come from the broker's list of subjects, so no letter is read. */
export async function deadIds(jsm: JetStreamManager): Promise<Set<string>> {
  const { state } = await jsm.streams.info(DEAD_STREAM, { subjects_filter: EVERYTHING });
  return new Set(Object.keys(state.subjects ?? {}).map((subject) => subject.split(".")[2] ?? ""));
}

/**
 * The dead letters of one event, oldest first. There is usually one. There are more if the event died again after it was redriven or replayed, and its
 * older letter is still there.
 */
export async function deadLettersOf(jsm: JetStreamManager, id: string): Promise<DeadLetter[]> {
  if (!/^[A-Za-z0-9_-]+$/.test(id)) return []; // not a token of our subjects; a wildcard would match other letters
  const letters: DeadLetter[] = [];
  for await (const message of walk(jsm, DEAD_STREAM, `rr.dead.${id}.>`)) {
    const letter = letterOf(message);
    if (letter !== undefined) letters.push(letter);
  }
  return letters;
}

/** The newest dead letter of an event; undefined if there is none. */
export async function findDeadLetter(jsm: JetStreamManager, id: string): Promise<DeadLetter | undefined> {
  if (!/^[A-Za-z0-9_-]+$/.test(id)) return undefined;
  const message = await jsm.direct.getMessage(DEAD_STREAM, { last_by_subj: `rr.dead.${id}.>` });
  return message === null ? undefined : letterOf(message);
}

/** The dead letter at a sequence of the stream of dead letters; undefined if it is gone. */
export async function readDeadLetter(jsm: JetStreamManager, seq: number): Promise<DeadLetter | undefined> {
  const message = await jsm.direct.getMessage(DEAD_STREAM, { seq });
  return message === null ? undefined : letterOf(message);
}

/**
 * Puts a dead letter's event into the log again and removes the letter. The message id differs from the event's own, which the broker would recognize, and
 * is the same for every try with this letter, so that a second try after a crash does not send the event twice within the broker's window. The coordinator
 * gets the event id as its key, as before (docs/contract.md, "Idempotency"). `older` are the sequences of the event's earlier letters. They are removed in
 * the same step and not earlier, because they say where the event was first. The letter itself is removed last, and by its own sequence, so that a letter of
 * the new attempt stays. Returns the sequence in the log.
 */
export async function redrive(
  nc: NatsConnection,
  jsm: JetStreamManager,
  letter: DeadLetter,
  older: readonly number[] = [],
): Promise<number> {
  const head = headers();
  head.set(HEADER.id, `${redriveIdPrefix(letter.id)}${letter.seq}`);
  head.set(HEADER.session, letter.session);
  head.set(HEADER.kind, letter.kind);
  head.set(HEADER.contentType, ENVELOPE_TYPE);
  head.set(HEADER.replayOf, `${DEAD_STREAM}:${letter.seq}`);
  const subject = eventSubject(letter.runner, letter.session, letter.kind, "replay");
  const reply = await nc.request(subject, letter.payload, { headers: head, timeout: 5000 });
  const { seq, error } = reply.json<{ seq?: number; error?: { description: string } }>();
  if (seq === undefined)
    throw codedError("log_refused", `${letter.id}: ${error?.description ?? "no sequence"}`);
  for (const letterSeq of [...older, letter.seq]) await dropDeadLetter(jsm, letterSeq);
  return seq;
}

/** What the message ids of an event's redrives begin with. */
export function redriveIdPrefix(eventId: string): string {
  return `redrive-${eventId}-`;
}

/** Removes one dead letter by its own sequence in the stream of dead letters. False if it is gone already. */
export async function dropDeadLetter(jsm: JetStreamManager, seq: number): Promise<boolean> {
  try {
    return await jsm.streams.deleteMessage(DEAD_STREAM, seq, false);
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === DELETE_FAILED && GONE.test(error.message))
      return false;
    throw error;
  }
}

/** Reads a message of the stream of dead letters. Undefined if its subject is not one of ours. */
export function letterOf(message: StoredMsg): DeadLetter | undefined {
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
