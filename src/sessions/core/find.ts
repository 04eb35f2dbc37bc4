import { sessionIdProblem } from "../../shared/log/schema/session-id.ts";
import { patiently } from "../../shared/session-log/patiently.ts";
import type { Session } from "../../shared/session-log/registry/entry.ts";
import { isDeleted } from "../../shared/session-log/registry/find.ts";
import { listSessions } from "../../shared/session-log/registry/list.ts";
import { readKey } from "../../shared/session-log/state/bucket.ts";
import { keyOf } from "../../shared/session-log/state/keys.ts";
import {
  isForAll,
  isRefusal,
  refuse,
  type BoundSession,
  type Caller,
  type Refusal,
} from "../access/caller.ts";
import type { Within } from "./deps.ts";

/** A session as a request names it. `user`: whose it is, if the request says so. */
export type SessionRef = { id: string; user?: string | undefined };

/** The same for a session that is not there, one that was deleted and one of another user. */
const UNKNOWN: Refusal = refuse("session_unknown", "no such session");

/** What is known of an id among the sessions that a caller may see. */
export type Located = { kind: "there"; session: Session } | { kind: "deleted" } | { kind: "unknown" };

/** Finds a session that the caller may see. */
export async function find(deps: Within, caller: Caller, ref: SessionRef): Promise<Session | Refusal> {
  const located = await locate(deps, caller, ref);
  if (isRefusal(located)) return located;
  return located.kind === "there" ? located.session : UNKNOWN;
}

/** The same, with what became of a session that is not there. */
export async function locate(deps: Within, caller: Caller, ref: SessionRef): Promise<Located | Refusal> {
  const { id } = ref;
  const user = userSought(caller, ref.user);
  if (isRefusal(user)) return user;
  if (sessionIdProblem(id) !== undefined || (user.name !== undefined && !isUserName(user.name)))
    return { kind: "unknown" };
  const { name } = user;
  const own = caller.session;
  if (own !== undefined && own.id !== id) return UNKNOWN;
  const located = await locateAmong(deps, { id, ...(name === undefined ? {} : { user: name }) });
  return own === undefined || isRefusal(located) ? located : boundTo(own, located);
}

/** What a credential of one session sees of its id: that session, or that it is over. Pure. */
function boundTo(own: BoundSession, located: Located): Located {
  return located.kind === "there" && located.session.name === own.name ? located : { kind: "deleted" };
}

/** The only session with this id, of one user or of all. One that was found before is asked for in one go: is it still the newest, and not deleted? */
async function locateAmong(deps: Within, of: { id: string; user?: string }): Promise<Located | Refusal> {
  const { jsm, known } = deps;
  const keys = keyOf.indexes(of);
  const before = known.get(keys);
  const [newest, gone] = await Promise.all([
    patiently(() => readKey(jsm, keys), deps),
    before !== undefined && patiently(() => isDeleted(jsm, before.session.name), deps),
  ]);
  if (newest === undefined) return { kind: "unknown" };
  if (of.user !== undefined && newest.value === undefined) return { kind: "deleted" };
  const { revision } = newest;
  if (before?.revision === revision && !gone) return { kind: "there", session: before.session };
  known.delete(keys);
  const { sessions } = await listSessions(deps, { ...of, after: 0, limit: 2 });
  const [session, other] = sessions;
  if (session === undefined) return { kind: "deleted" };
  if (other !== undefined)
    return refuse("ambiguous_session", "several users have a session with this id; name one with user_id");
  known.set(keys, { session, revision }); // an older revision than that of the list is found out the next time
  return { kind: "there", session };
}

/** Among whose sessions a caller looks: those of one user, or of all (`name` is undefined). Pure. */
export function userSought(
  caller: Caller,
  asked: string | undefined,
): { name: string | undefined } | Refusal {
  if (isForAll(caller)) return { name: asked };
  if (asked !== undefined && asked !== caller.user)
    return refuse("user_forbidden", "this credential is for the sessions of one user, who is another one");
  return { name: caller.user };
}

/** Users are named by texts of the same form as sessions: both become parts of keys. Pure. */
export function isUserName(text: string): boolean {
  return sessionIdProblem(text) === undefined;
}
