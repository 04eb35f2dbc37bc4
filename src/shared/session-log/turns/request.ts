import { createHash, randomUUID } from "node:crypto";
import { codedError } from "../../base/errors.ts";
import { put, type PutDeps } from "../append/put.ts";
import { encodeSessionEnvelope } from "../event/session-envelope.ts";
import type { Session } from "../registry/entry.ts";
import { patiently } from "../patiently.ts";
import { inSubject } from "../subjects.ts";
import { SESSIONS_STREAM } from "../topology.ts";
import { openTurns } from "./unfinished.ts";

/** What became of a client's wish. */
export type Requested =
  /** It lies in the log at `seq`. */
  | { kind: "accepted"; seq: number }
  /** It lay there already, or another one of the same name: a turn with this id, a decision about this question. */
  | { kind: "repeated"; seq: number };

type Wish = {
  kind: "turn" | "cancel" | "decision";
  token: string;
  turn?: string;
  data: Uint8Array;
  urgent: boolean;
};

/** Turns of a session that may wait behind the one that runs. A few more get in if they come at once. */
const MAX_WAITING = 16;

/** Asks for a turn. `turn` is the client's own id for it: a repeat is recognised for as long as the session exists (TURN-1). `data` is JSON. Throws `turns_full` and `sessions_full`. */
export async function requestTurn(
  deps: PutDeps,
  session: Session,
  turn: string,
  data: Uint8Array,
): Promise<Requested> {
  const { jsm, clock, signal } = deps;
  const token = tokenOf(turn);
  const open = await patiently(() => openTurns(jsm, session.name), { clock, signal });
  if (open > MAX_WAITING) {
    const last_by_subj = inSubject(session.name, "turn", token);
    const known = await patiently(() => jsm.streams.getMessage(SESSIONS_STREAM, { last_by_subj }), {
      clock,
      signal,
    });
    if (known !== null) return { kind: "repeated", seq: known.seq };
    throw codedError("turns_full", `${open} turns of the session have not ended`);
  }
  return await wish(deps, session, { kind: "turn", token, turn, data, urgent: false });
}

/** Asks that a turn ends. Once is enough. */
export function cancelTurn(deps: PutDeps, session: Session, turn: string): Promise<Requested> {
  return wish(deps, session, {
    kind: "cancel",
    token: tokenOf(turn),
    turn,
    data: Buffer.from("{}"),
    urgent: true,
  });
}

/** Decides about a question of an agent. The first decision counts; whether there is such a question, its owner knows (ASK-1). */
export function decide(
  deps: PutDeps,
  session: Session,
  request: string,
  answer: { allow: boolean; message?: string },
): Promise<Requested> {
  const data = Buffer.from(JSON.stringify({ ...answer, request_id: request }));
  return wish(deps, session, { kind: "decision", token: request, data, urgent: true });
}

/** Stores a wish, if none of its name is there. */
async function wish(deps: PutDeps, session: Session, of: Wish): Promise<Requested> {
  const { kind, token, turn, data, urgent } = of;
  const subject = inSubject(session.name, kind, token);
  const id = randomUUID(); // so that this request, if its answer was lost, differs from the same one by another process
  const envelope = {
    id,
    source: "user" as const,
    kind,
    session: session.id,
    at: deps.clock.wall(),
    body: data,
  };
  const stored = await put(deps, {
    subject,
    filter: subject,
    last: 0,
    messageId: `${session.name}.${id}`,
    data: encodeSessionEnvelope({ ...envelope, ...(turn === undefined ? {} : { turn }) }),
    urgent,
  });
  if (stored.kind === "stored") return { kind: "accepted", seq: stored.seq };
  if (stored.kind === "overtaken") return { kind: "repeated", seq: stored.by };
  throw codedError(stored.full ? "sessions_full" : "log_refused", stored.detail);
}

/** Ids of clients are texts; a part of a subject is not. */
function tokenOf(id: string): string {
  return createHash("sha256").update(id).digest("base64url").slice(0, 22);
}
