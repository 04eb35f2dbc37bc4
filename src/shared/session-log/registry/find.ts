import { isDeepStrictEqual } from "node:util";
import type { JetStreamManager } from "@nats-io/jetstream";
import { parseJsonWithin, RECORD_JSON } from "../../base/json-scan.ts";
import { readSessionEvent } from "../event/session-event.ts";
import type { StoredEvent } from "../follow/stored-event.ts";
import { readKey } from "../state/bucket.ts";
import { keyOf } from "../state/keys.ts";
import { creationOf, inSubject, parseSessionSubject } from "../subjects.ts";
import { SESSIONS_STREAM } from "../topology.ts";
import { decodeSession, ownToken, sessionOfCreation, type Session } from "./entry.ts";

export type Found =
  | { kind: "there"; session: Session }
  /** There was one, and there is none any more. */
  | { kind: "deleted" }
  | { kind: "unknown" };

/** The session that a user calls `id`, as the leader has it. */
export async function findSession(jsm: JetStreamManager, user: string, id: string): Promise<Found> {
  return (await readIndex(jsm, user, id)).found;
}

/** The same with the revision of its key, 0 if there is none. What a deletion has not finished counts as deleted. */
export async function readIndex(
  jsm: JetStreamManager,
  user: string,
  id: string,
): Promise<{ found: Found; revision: number }> {
  const key = await readKey(jsm, keyOf.index(user, id));
  if (key === undefined) return { found: { kind: "unknown" }, revision: 0 };
  const { revision, value } = key;
  const session = value && decodeSession(id, value);
  if (session?.user !== user || (await isDeleted(jsm, session.name)))
    return { found: { kind: "deleted" }, revision };
  return { found: { kind: "there", session }, revision };
}

/** Was this session deleted? */
export async function isDeleted(jsm: JetStreamManager, name: string): Promise<boolean> {
  return (await readKey(jsm, keyOf.tombstone(name)))?.value !== undefined;
}

/** The session of this name, as the log describes it. Undefined if there is none. */
export async function sessionNamed(jsm: JetStreamManager, name: string): Promise<Session | undefined> {
  const last_by_subj = creationOf(name);
  const found = await jsm.streams.getMessage(SESSIONS_STREAM, { last_by_subj });
  const session = found === null ? undefined : readCreation(found);
  return session && withChange(session, await newestChange(jsm, name));
}

/** A change of what a session was made with. */
export type Change = { seq: number; metadata: Record<string, unknown> };

/** The newest change of a session, as the leader has it; undefined if nothing was changed. */
export async function newestChange(jsm: JetStreamManager, name: string): Promise<Change | undefined> {
  const last_by_subj = inSubject(name, "changed");
  const found = await jsm.streams.getMessage(SESSIONS_STREAM, { last_by_subj });
  return found === null ? undefined : readChange(found);
}

/** The change that an event of the log describes. Pure. */
export function readChange(stored: StoredEvent): Change {
  const { seq } = stored;
  const read = readSessionEvent(stored);
  const body = "envelope" in read ? parseJsonWithin(read.envelope.body, RECORD_JSON) : undefined;
  const { metadata } = (body ?? {}) as { metadata?: unknown };
  const isObject = typeof metadata === "object" && metadata !== null && !Array.isArray(metadata);
  return { seq, metadata: isObject ? { ...metadata } : {} };
}

/** Is a session as its newest change says? Pure. */
export function isAsChanged({ record }: Session, change: Change | undefined): boolean {
  return change === undefined || isDeepStrictEqual(record["metadata"], change.metadata);
}

/** A session after a change. Pure. */
export function withChange(session: Session, change: Change | undefined): Session {
  if (change === undefined) return session;
  return { ...session, record: { ...session.record, metadata: change.metadata } };
}

/** The newest first event in the log of what a user calls `id`, whether or not the index knows of it. */
export type Creation = { seq: number; session: Session | undefined };

export async function findCreation(
  jsm: JetStreamManager,
  user: string,
  id: string,
): Promise<Creation | undefined> {
  const last_by_subj = creationFilter(user, id);
  const found = await jsm.streams.getMessage(SESSIONS_STREAM, { last_by_subj });
  return found === null ? undefined : { seq: found.seq, session: readCreation(found) };
}

/** The session that a first event in the log describes; undefined for what no program of ours wrote. Pure. */
export function readCreation(stored: StoredEvent): Session | undefined {
  const read = readSessionEvent(stored);
  const name = parseSessionSubject(stored.subject)?.session;
  if (!("envelope" in read) || name === undefined || read.envelope.kind !== "created") return undefined;
  return sessionOfCreation(name, read.envelope);
}

/** Filter of the first events of all sessions that a user called `id`. */
export function creationFilter(user: string, id: string): string {
  return `rr.ses.*.in.created.${ownToken(user, id)}`;
}

/** Filter of the first events of all sessions. */
export const CREATIONS = "rr.ses.*.in.created.*";
