import { createHash } from "node:crypto";

/** `in`: what clients want. `out`: what the session's owner says. */
export type Side = "in" | "out";

/** Everything that the subject of a session's event tells. */
export type SessionAddress = { session: string; side: Side; kind: string; id?: string };

const TOKEN = /^[\w-]{1,64}$/;

/**
 * The name of a session in subjects and keys: 128 bits of a hash of its user, its id and a random incarnation. Ids are per user, and one that is used again
 * after a deletion names a new session. Pure.
 */
export function sessionName(of: { user: string; id: string; incarnation: string }): string {
  const text = JSON.stringify([of.user, of.id, of.incarnation]); // so that no two different threes read the same
  return createHash("sha256").update(text).digest("base64url").slice(0, 22);
}

/** `rr.ses.<session>.in.<kind>[.<id>]`. Throws a RangeError for what is no token of a subject. */
export function inSubject(session: string, kind: string, id?: string): string {
  const tokens = [session, "in", kind, ...(id === undefined ? [] : [id])];
  return `rr.ses.${tokens.map(tokenOf).join(".")}`;
}

/** `rr.ses.<session>.out.<kind>`. Throws a RangeError for what is no token of a subject. */
export function outSubject(session: string, kind: string): string {
  return `rr.ses.${[session, "out", kind].map(tokenOf).join(".")}`;
}

/**
 * Filter of everything that the owner of a session said. Every writer names exactly this text in its condition: the broker was seen to accept a wrong one beside
 * another spelling of the same subjects (three servers).
 */
export function ownerFilter(session: string): string {
  return `rr.ses.${tokenOf(session)}.out.>`;
}

/** Filter of all events of a session. */
export function wholeSession(session: string): string {
  return `rr.ses.${tokenOf(session)}.>`;
}

/** Filter of the first event of a session. */
export function creationOf(session: string): string {
  return `rr.ses.${tokenOf(session)}.in.created.*`;
}

/** Filters of the events of one kind of a session, `in.<kind>` or `out.<kind>`. */
export function kindFilters(session: string, kind: string): string[] {
  const all = `rr.ses.${tokenOf(session)}.${kind}`;
  return kind.startsWith("in.") ? [all, `${all}.*`] : [all];
}

/** Filter of what clients want of one kind, where each has a token of its own. */
export function namedFilter(session: string, kind: string): string {
  return `rr.ses.${tokenOf(session)}.in.${kind}.*`;
}

/** The session's name in the subject of one of its events. Pure. */
export function sessionIn(subject: string): string {
  return subject.split(".", 3)[2] ?? "";
}

/** Reads a subject back; undefined if it is none of a session. Pure. */
export function parseSessionSubject(subject: string): SessionAddress | undefined {
  const [root, log, session = "", side, kind = "", id, ...rest] = subject.split(".");
  if (root !== "rr" || log !== "ses" || rest.length > 0) return undefined;
  if (![session, kind, id ?? "x"].every((token) => TOKEN.test(token))) return undefined;
  if (side === "out" && id === undefined) return { session, side, kind };
  if (side !== "in") return undefined;
  return { session, side, kind, ...(id === undefined ? {} : { id }) };
}

function tokenOf(text: string): string {
  if (!TOKEN.test(text)) throw new RangeError(`not a subject token: ${text}`);
  return text;
}
