import { sessionIdProblem } from "../../shared/log/schema/session-id.ts";
import { createSession } from "../../shared/session-log/registry/create.ts";
import type { Session } from "../../shared/session-log/registry/entry.ts";
import { JOIN_SECONDS, makeJoinSecret } from "../../shared/session-log/tokens/join-secrets.ts";
import { bindPod, type Pod } from "../../shared/session-log/tokens/pods.ts";
import { patiently } from "../../shared/session-log/patiently.ts";
import { isRefusal, lacks, refuse, type Caller, type Refusal } from "../access/caller.ts";
import type { Within } from "./deps.ts";
import { find, isUserName, locate, type SessionRef } from "./find.ts";

/** A pod runs this session from now on. `made`: nobody had used the id, so that a session of a pod was made. */
export type Bound = { kind: "bound"; session: Session; made: boolean };

/** A secret that is exchanged for a token of the session, once. */
export type JoinSecret = { kind: "secret"; secret: string; seconds: number };

/**
 * Records which session a pod runs, so that the pod can get tokens for it. For those who may act for every user: who could name any pod would get what another user's pod pushes.
 */
export async function bind(
  deps: Within,
  caller: Caller,
  ref: SessionRef,
  pod: Pod,
): Promise<Bound | Refusal> {
  const refusal = lacks(caller, "admin");
  if (refusal !== undefined) return refusal;
  const located = await locate(deps, caller, ref);
  if (isRefusal(located)) return located;
  if (located.kind === "deleted") return refuse("session_unknown", "the session was deleted");
  const made = located.kind === "unknown";
  const session = made ? await makeForPod(deps, caller, ref) : located.session;
  if (isRefusal(session)) return session;
  const outcome = await patiently(() => bindPod(deps, pod, session), deps);
  if (outcome === "taken") return refuse("pod_taken", "the pod runs another session");
  return { kind: "bound", session, made };
}

/** Makes a session that belongs to a pod, and that no worker takes. */
export async function makeForPod(deps: Within, caller: Caller, ref: SessionRef): Promise<Session | Refusal> {
  const { id, user = caller.user } = ref;
  const problem = sessionIdProblem(id);
  if (problem !== undefined) return refuse("session_id_invalid", `session_id: ${problem}`);
  if (!isUserName(user)) return refuse("field_invalid", "the user cannot be used as a name");
  const place = await deps.gate.session(caller, user);
  if (isRefusal(place)) return place;
  const { session, made } = await createSession(deps, { user, id, kind: "pod", record: {} });
  if (!made) place.giveBack();
  return session;
}

/** Makes a secret for a program outside that is to run the session, where no cluster says who that is. */
export async function makeJoin(deps: Within, caller: Caller, ref: SessionRef): Promise<JoinSecret | Refusal> {
  const session = lacks(caller, "user") ?? (await find(deps, caller, ref));
  if (isRefusal(session)) return session;
  const secret = await makeJoinSecret(deps, "join", session);
  return { kind: "secret", secret, seconds: JOIN_SECONDS.join };
}
