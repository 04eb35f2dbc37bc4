import type { JetStreamManager, StoredMsg } from "@nats-io/jetstream";
import { HEADER } from "../../base/headers.ts";
import { sessionToken, textOfToken } from "../schema/session-id.ts";
import { EVERYTHING, isKind, type Kind } from "../schema/subjects.ts";
import { DEAD_STREAM } from "../schema/topology.ts";
import { walk } from "../follow/walk.ts";

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
  return session === undefined ? EVERYTHING : `rr.dead.*.*.*.${sessionToken(session)}.*`;
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
