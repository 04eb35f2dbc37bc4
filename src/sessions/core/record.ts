import { createSession } from "../../shared/session-log/registry/create.ts";
import type { Session } from "../../shared/session-log/registry/entry.ts";
import { isRefusal, lacks, type Caller, type Refusal } from "../access/caller.ts";
import type { Within } from "./deps.ts";
import { find } from "./find.ts";
import { pushProblem, storePushed, type PushedEvent } from "./push.ts";

/** What an agent that runs by itself tells of its session. */
export type RecordRequest = { id: string; agent: string; events: readonly PushedEvent[] };

/** Stores events of an agent that runs by itself, in a session of its own id, which is made at the first of them. No worker takes such a session. */
export async function record(
  deps: Within,
  caller: Caller,
  { id, agent, events }: RecordRequest,
): Promise<{ kind: "recorded" } | Refusal> {
  const session =
    lacks(caller, "hooks") ?? pushProblem(events) ?? (await foundOrMade(deps, caller, id, agent));
  if (isRefusal(session)) return session;
  await storePushed(deps, session, events);
  return { kind: "recorded" };
}

async function foundOrMade(
  deps: Within,
  caller: Caller,
  id: string,
  agent: string,
): Promise<Session | Refusal> {
  const { user } = caller;
  const found = await find(deps, caller, { id, user });
  if (!isRefusal(found) || found.code !== "session_unknown") return found;
  const place = await deps.gate.session(caller, user);
  if (isRefusal(place)) return place;
  const { session, made } = await createSession(deps, { user, id, kind: "pod", record: { agent } });
  if (!made) place.giveBack();
  return session;
}
