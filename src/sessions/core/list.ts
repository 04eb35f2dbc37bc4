import { listSessions, type ListedSessions } from "../../shared/session-log/registry/list.ts";
import { isRefusal, lacks, type Caller, type Refusal } from "../access/caller.ts";
import type { Within } from "./deps.ts";
import { isUserName, userSought } from "./find.ts";

export type ListRequest = { user?: string | undefined; after: number; limit: number };

/** Most sessions in one answer: at 2 KiB each, 2 MiB. */
export const MAX_LISTED = 1000;

/** A page of the sessions that the caller may see, in the order in which they were made. */
export async function list(
  deps: Within,
  caller: Caller,
  { user: asked, after, limit }: ListRequest,
): Promise<ListedSessions | Refusal> {
  const user = lacks(caller, "read") ?? userSought(caller, asked);
  if (isRefusal(user)) return user;
  const { name } = user;
  if (name !== undefined && !isUserName(name)) return { sessions: [], next: undefined };
  const most = Math.min(limit, MAX_LISTED);
  const of = { ...(name === undefined ? {} : { user: name }), after, limit: most };
  const { session: own } = caller;
  if (own === undefined) return await listSessions(deps, of);
  const { sessions } = await listSessions(deps, { ...of, id: own.id });
  return { sessions: sessions.filter((it) => it.name === own.name), next: undefined };
}
