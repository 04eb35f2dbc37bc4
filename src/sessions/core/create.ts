import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { sessionIdProblem } from "../../shared/log/schema/session-id.ts";
import { createSession } from "../../shared/session-log/registry/create.ts";
import type { Session } from "../../shared/session-log/registry/entry.ts";
import { findSession } from "../../shared/session-log/registry/find.ts";
import { claimFolder } from "../../shared/session-log/registry/folders.ts";
import { patiently } from "../../shared/session-log/patiently.ts";
import { isForAll, isRefusal, lacks, refuse, type Caller, type Refusal } from "../access/caller.ts";
import { NO_PLACE, type Place } from "../access/user-limits.ts";
import type { Within } from "./deps.ts";
import { isUserName } from "./find.ts";
import { askForTurn } from "./turns.ts";

export type CreateRequest = {
  user?: string | undefined;
  id?: string | undefined;
  /** The client's key for this request. Without an id of its own, a repeat with the same key finds what the first one made. */
  key?: string | undefined;
  workspace?: string | undefined;
  agent?: string | undefined;
  /** What the first turn is asked. */
  prompt?: string | undefined;
  options?: Record<string, unknown> | undefined;
  metadata?: Record<string, unknown> | undefined;
  trace?: string | undefined;
  /** Of the first turn. */
  callerToken?: string | undefined;
};

export type Created = {
  kind: "created";
  session: Session;
  /** False if it was there. */
  made: boolean;
  /** The turn of the prompt. */
  turn?: { id: string; seq: number };
};

/** Makes a session for one of our workers, with its first turn if there is a prompt. Idempotent by the client's id or key. */
export async function create(
  deps: Within,
  caller: Caller,
  request: CreateRequest,
): Promise<Created | Refusal> {
  const user = lacks(caller, "user") ?? userOf(caller, request.user);
  if (isRefusal(user)) return user;
  const id = request.id ?? madeId(user.name, request.key, deps.random);
  const problem = sessionIdProblem(id);
  if (problem !== undefined) return refuse("session_id_invalid", `session_id: ${problem}`);
  const owner = { user: user.name, id };
  const workspace = await deps.workspaces.choose(caller, user.name, request.workspace);
  if (typeof workspace === "object") return workspace;
  if (workspace !== undefined && (await claimFolder(deps, workspace, owner)) === "taken")
    return refuse("workspace_busy", "another session works in this folder");
  const place = await placeFor(deps, caller, owner);
  if (isRefusal(place)) return place;
  const record = recordOf(request, workspace);
  const { session, made } = await createSession(deps, { ...owner, kind: "worker", record });
  if (!made) place.giveBack();
  if (!made && !isSame(session, request, workspace)) {
    return request.id === undefined
      ? refuse("idempotency_key_reused", "this key made a session with other properties")
      : refuse("session_exists", "the session exists with other properties than those given");
  }
  const { prompt, trace, callerToken } = request;
  if (prompt === undefined) return { kind: "created", session, made };
  const turn = `prompt-${session.name}`;
  const data = Buffer.from(JSON.stringify({ user_input: prompt }));
  const asked = await askForTurn(deps, caller, session, { turn, data, trace, callerToken });
  if (isRefusal(asked)) return asked;
  return { kind: "created", session, made, turn: { id: turn, seq: asked.seq } };
}

/** A place among the user's sessions. At the limit those that are there are still found. */
async function placeFor(
  deps: Within,
  caller: Caller,
  { user, id }: { user: string; id: string },
): Promise<Place | Refusal> {
  const place = await deps.gate.session(caller, user);
  if (!isRefusal(place)) return place;
  const { kind } = await patiently(() => findSession(deps.jsm, user, id), deps);
  return kind === "there" ? NO_PLACE : place;
}

/** Whose session it becomes. */
function userOf(caller: Caller, asked: string | undefined): { name: string } | Refusal {
  const name = asked ?? caller.user;
  if (name !== caller.user && !isForAll(caller))
    return refuse("user_forbidden", "this credential makes sessions for its own user only");
  return isUserName(name) ? { name } : refuse("field_invalid", "user_id cannot be used as a name");
}

function madeId(user: string, key: string | undefined, random: () => string): string {
  if (key === undefined) return `ses_${random()}`;
  const digest = createHash("sha256")
    .update(JSON.stringify([user, key]))
    .digest("hex");
  return `ses_${digest.slice(0, 32)}`;
}

/** What is kept of a request. Of the prompt only a digest is: the turn has it. */
function recordOf(request: CreateRequest, workspace: string | undefined): Record<string, unknown> {
  const { agent, prompt, options, metadata } = request;
  const record = {
    workspace_dir: workspace,
    agent,
    options,
    metadata,
    prompt: prompt === undefined ? undefined : digestOf(prompt),
  };
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
}

/** Does what a repeat names equal what the session was made with? What it does not name is not compared, and metadata may have changed since. Pure. */
function isSame({ kind, record }: Session, request: CreateRequest, workspace: string | undefined): boolean {
  const named: [unknown, unknown][] = [
    [request.workspace && workspace, record["workspace_dir"]],
    [request.agent, record["agent"]],
    [request.options, record["options"]],
    [request.prompt && digestOf(request.prompt), record["prompt"]],
  ];
  return kind === "worker" && named.every(([now, then]) => now === undefined || isDeepStrictEqual(now, then));
}

function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("base64url").slice(0, 22);
}
