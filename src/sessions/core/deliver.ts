import { readSessionEvent } from "../../shared/session-log/event/session-event.ts";
import type { Session } from "../../shared/session-log/registry/entry.ts";
import { wholeSession } from "../../shared/session-log/subjects.ts";
import { sessionIdProblem } from "../../shared/log/schema/session-id.ts";
import { wishToken } from "../../shared/session-log/turns/wish.ts";
import { isRefusal, lacks, refuse, type Caller, type Refusal } from "../access/caller.ts";
import type { Within } from "./deps.ts";
import { locate, type SessionRef } from "./find.ts";
import { makeForPod } from "./pods.ts";
import { pushedBy, storeOne, USER_MESSAGE, type PushedEvent } from "./push.ts";
import { eventsOf } from "./read.ts";
import { askForTurn } from "./turns.ts";

/** A message of a pod, or of a person to one. */
export type Message = PushedEvent & {
  /** What a user message asks for, where the session has a worker of ours: JSON of a turn. */
  turn?: Uint8Array;
};

/** A message that lies in the log. `at`: when it was written, wall clock, milliseconds since 1970. */
export type Delivered = {
  kind: "delivered";
  session: Session;
  /** False if the message made the session. */
  known: boolean;
  seq: number;
  at: number;
  repeated: boolean;
};

/**
 * Stores a message. An id that nobody knows makes a session of the caller's that belongs to a pod: no worker takes it. In a session that has a worker, a user message is
 * a turn.
 */
export async function deliver(
  deps: Within,
  caller: Caller,
  ref: SessionRef,
  message: Message,
): Promise<Delivered | Refusal> {
  const scope = message.type === USER_MESSAGE ? "user" : "write";
  const refusal = lacks(caller, scope) ?? pushedBy(caller, [message]) ?? idProblem(ref);
  if (refusal !== undefined) return refusal;
  const located = await locate(deps, caller, ref);
  if (isRefusal(located)) return located;
  if (located.kind === "deleted") return refuse("session_unknown", "the session was deleted");
  const known = located.kind === "there";
  const session = known ? located.session : await makeForPod(deps, caller, ref);
  if (isRefusal(session)) return session;
  const stored = await store(deps, caller, session, message);
  if (isRefusal(stored)) return stored;
  const { seq, repeated } = stored;
  const at = stored.at ?? (await writtenAt(deps, session, seq));
  return { kind: "delivered", session, known, seq, at, repeated };
}

function idProblem({ id }: SessionRef): Refusal | undefined {
  const problem = sessionIdProblem(id);
  return problem === undefined ? undefined : refuse("session_id_invalid", `session_id: ${problem}`);
}

type Stored = { seq: number; repeated: boolean; at?: number };

async function store(
  deps: Within,
  caller: Caller,
  session: Session,
  message: Message,
): Promise<Stored | Refusal> {
  const { type, key, turn: data } = message;
  if (session.kind === "pod" || type !== USER_MESSAGE || data === undefined)
    return await storeOne(deps, session, message);
  const turn = `message_${key === undefined ? deps.random() : wishToken(key)}`;
  return await askForTurn(deps, caller, session, { turn, data });
}

/** When an event was written, as the log has it; 0 if it was removed since. */
async function writtenAt(deps: Within, { name }: Session, seq: number): Promise<number> {
  for await (const event of eventsOf(deps, wholeSession(name), seq - 1)) {
    const read = event.seq === seq ? readSessionEvent(event) : undefined;
    return read !== undefined && "envelope" in read ? read.envelope.at : 0;
  }
  return 0;
}
