import { createHash } from "node:crypto";
import { parseJsonWithin, RECORD_JSON } from "../../base/json-scan.ts";
import type { SessionEnvelope } from "../event/session-envelope.ts";
import { sessionName } from "../subjects.ts";

/** Who runs a session's turns: one of our workers, or an agent outside that pushes its events. */
export type SessionKind = "worker" | "pod";

/** What was asked for when a session was made. */
export type SessionRequest = {
  user: string;
  /** What its user calls it. */
  id: string;
  kind: SessionKind;
  /** JSON of the session's maker: folder, agent, options. Kept as it is. */
  record: Record<string, unknown>;
};

/** A session that exists. */
export type Session = SessionRequest & {
  incarnation: string;
  /** Its name in subjects and keys. */
  name: string;
  /** When it was made, wall clock, milliseconds since 1970. */
  at: number;
};

/** Makes a session out of a request, a random incarnation and the time. Pure. */
export function sessionOf(request: SessionRequest, incarnation: string, at: number): Session {
  const { user, id, kind, record } = request;
  return { user, id, kind, record, incarnation, at, name: sessionName({ user, id, incarnation }) };
}

/** Bytes that the index keeps of a session, at most. The bucket has room for some 10,000 of that size, and for many more of the usual one. */
const MAX_ENTRY_BYTES = 2048;

/** What the index and the session's first event say of it. */
export function encodeSession({ user, kind, incarnation, at, record }: Session): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ user, kind, incarnation, at, record }));
}

/** Why a session cannot be kept as it is; undefined if it can. What is written is read again within bounds. Pure. */
export function entryProblem(session: Session): string | undefined {
  const bytes = encodeSession(session);
  if (bytes.length > MAX_ENTRY_BYTES)
    return `what is kept of a session is larger than ${MAX_ENTRY_BYTES} bytes`;
  return decodeSession(session.id, bytes) === undefined
    ? "the session's properties are nested too deeply"
    : undefined;
}

/** The session that `bytes` describe. Undefined for anything else. Pure. */
export function decodeSession(id: string, bytes: Uint8Array): Session | undefined {
  const it = parseJsonWithin(bytes, RECORD_JSON);
  if (typeof it !== "object" || it === null) return undefined;
  const { user, kind, incarnation, at, record } = it as Partial<Record<keyof Session, unknown>>;
  if (typeof user !== "string" || (kind !== "worker" && kind !== "pod")) return undefined;
  if (typeof incarnation !== "string" || typeof at !== "number") return undefined;
  if (typeof record !== "object" || record === null || Array.isArray(record)) return undefined;
  return sessionOf({ user, id, kind, record: record as Record<string, unknown> }, incarnation, at);
}

/** The session that its first event describes, if that event is its own: its name follows from what it says. Pure. */
export function sessionOfCreation(name: string, { session, body }: SessionEnvelope): Session | undefined {
  const it = decodeSession(session, body);
  return it?.name === name ? it : undefined;
}

/** Token of what a user calls a session: the last one of the subject of its first event, by which the log is searched. Pure. */
export function ownToken(user: string, id: string): string {
  return createHash("sha256")
    .update(JSON.stringify([user, id]))
    .digest("base64url")
    .slice(0, 22);
}
