import { deleteSession } from "../../shared/session-log/registry/delete.ts";
import { changeMetadata } from "../../shared/session-log/registry/change.ts";
import type { Session } from "../../shared/session-log/registry/entry.ts";
import { releaseFolder } from "../../shared/session-log/registry/folders.ts";
import { isRefusal, lacks, refuse, type Caller, type Refusal } from "../access/caller.ts";
import type { Within } from "./deps.ts";
import { find, type SessionRef } from "./find.ts";

/** Sets members of a session's metadata; null removes one. */
export async function patch(
  deps: Within,
  caller: Caller,
  ref: SessionRef,
  metadata: Record<string, unknown>,
): Promise<Session | Refusal> {
  const session = lacks(caller, "user") ?? (await find(deps, caller, ref));
  if (isRefusal(session)) return session;
  const changed = await changeMetadata(deps, session, (before) => merged(before, metadata));
  return changed ?? refuse("session_unknown", "no such session");
}

/** Pure. */
function merged(before: unknown, change: Record<string, unknown>): Record<string, unknown> {
  const members = { ...(typeof before === "object" ? before : {}), ...change };
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== null));
}

/** Deletes a session. Its worker ends what runs, and its watchers are told. */
export async function remove(
  deps: Within,
  caller: Caller,
  ref: SessionRef,
): Promise<{ kind: "deleted" } | Refusal> {
  const session = lacks(caller, "user") ?? (await find(deps, caller, ref));
  if (isRefusal(session)) return session;
  await deleteSession(deps, session);
  await releaseFolder(deps, session).catch(() => undefined); // a folder of a session that is gone counts as free anyway
  return { kind: "deleted" };
}
