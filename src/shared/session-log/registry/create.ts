import { codedError, isCoded } from "../../base/errors.ts";
import { put, type PutDeps } from "../append/put.ts";
import { encodeSessionEnvelope } from "../event/session-envelope.ts";
import { patiently } from "../patiently.ts";
import { writeKey } from "../state/bucket.ts";
import { keyOf } from "../state/keys.ts";
import { inSubject } from "../subjects.ts";
import {
  encodeSession,
  entryProblem,
  ownToken,
  sessionOf,
  type Session,
  type SessionRequest,
} from "./entry.ts";
import { creationFilter, findCreation, isDeleted, newestChange, readIndex, withChange } from "./find.ts";

// entry.ts is what is kept of a session · find.ts reads it · change.ts changes its metadata · list.ts is for lists · delete.ts ends a session · rebuild.ts makes the index again from
// the log
// The log decides who made a session: its first event names the newest one of the same user and id, by a filter that all makers spell the same. The index only finds it, so
// that a maker that dies between the two leaves nothing that the next one would not complete.

export type Made = {
  session: Session;
  /** False if it was there. */
  made: boolean;
};

/**
 * Makes a session, or finds the one that its user has under this id. Throws `sessions_full`, and `field_invalid` for a record that is too large. `random` makes the incarnation.
 */
export async function createSession(
  deps: PutDeps & { random: () => string },
  request: SessionRequest,
): Promise<Made> {
  const { jsm, clock, signal } = deps;
  const ours = new Set<string>();
  for (;;) {
    signal.throwIfAborted();
    // A new one at each try: another maker may find the one before in the log and delete it, and the broker takes its first event only once.
    const mine = sessionOf(request, deps.random(), clock.wall());
    const problem = entryProblem(mine);
    if (problem !== undefined) throw codedError("field_invalid", problem);
    const { user, id } = mine;
    const { found, revision } = await patiently(() => readIndex(jsm, user, id), { clock, signal });
    if (found.kind === "there") return { session: found.session, made: ours.has(found.session.name) };
    ours.add(mine.name);
    const session = await inLog(deps, mine);
    if (session === undefined) continue; // deleted just now, or another maker was quicker
    await enter(deps, session, revision);
  }
}

/** The session that the log has under this user and id: one that the index does not know yet, or `mine`. Undefined if that changed meanwhile. */
async function inLog(deps: PutDeps, mine: Session): Promise<Session | undefined> {
  const { jsm, clock, signal } = deps;
  const { user, id, name } = mine;
  const look = async (): Promise<{ last: number; session: Session | undefined }> => {
    const { seq = 0, session } = (await findCreation(jsm, user, id)) ?? {};
    if (session === undefined || (await isDeleted(jsm, session.name)))
      return { last: seq, session: undefined };
    return { last: seq, session: withChange(session, await newestChange(jsm, session.name)) };
  };
  const { last, session } = await patiently(look, { clock, signal });
  if (session !== undefined) return session;
  const created = await put(deps, {
    subject: inSubject(name, "created", ownToken(user, id)),
    filter: creationFilter(user, id),
    last,
    messageId: `${name}.created`,
    data: encodeSessionEnvelope({
      id: "created",
      source: "user",
      kind: "created",
      session: id,
      at: mine.at,
      body: encodeSession(mine),
    }),
    urgent: false,
  });
  if (created.kind === "stored") return mine;
  if (created.kind === "overtaken") return undefined;
  throw codedError(created.full ? "sessions_full" : "log_refused", created.detail);
}

/** Enters a session into the index. Whatever comes of that, the index is read again. */
async function enter({ nc, signal }: PutDeps, session: Session, revision: number): Promise<void> {
  const { user, id } = session;
  try {
    await writeKey(nc, { key: keyOf.index(user, id), value: encodeSession(session), revision });
  } catch (error) {
    if (signal.aborted || !isCoded(error, "log_unreachable")) throw error;
  }
}
