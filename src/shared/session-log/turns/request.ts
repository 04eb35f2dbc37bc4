import { codedError } from "../../base/errors.ts";
import type { PutDeps } from "../append/put.ts";
import type { Session } from "../registry/entry.ts";
import { patiently } from "../patiently.ts";
import { inSubject, namedFilter } from "../subjects.ts";
import { SESSIONS_STREAM } from "../topology.ts";
import { openTurns } from "./unfinished.ts";
import { storeWish, wishToken, type Requested, type Wish } from "./wish.ts";

/** Turns of a session that may wait behind the one that runs. A few more get in if they come at once. */
export const MAX_WAITING = 16;

type TurnWish = Wish & { turn: string };

export type TurnOptions = {
  /** Refuse the turn if another one has not ended. */
  alone?: boolean;
  trace?: string | undefined;
  /** The process that holds the caller's token. */
  holder?: string | undefined;
  /** How many turns of the session have not ended, at most. Default: the broker is asked. */
  open?: (session: string) => Promise<number>;
};

/**
 * Asks for a turn. `turn` is the client's own id for it: a repeat is recognised for as long as the session exists (TURN-1). `data` is JSON. Throws `turns_full`, `turn_running` and
 * `sessions_full`.
 */
export async function requestTurn(
  deps: PutDeps,
  session: Session,
  turn: string,
  data: Uint8Array,
  { alone = false, trace, holder, open: count = (name) => openTurns(deps.jsm, name) }: TurnOptions = {},
): Promise<Requested> {
  const ask = <T>(question: () => Promise<T>): Promise<T> => patiently(question, deps);
  const wish = { kind: "turn" as const, token: wishToken(turn), turn, data, urgent: false, trace, holder };
  if (alone) return await requestAlone(deps, session, wish);
  const open = await ask(() => count(session.name));
  if (open <= MAX_WAITING) return await storeWish(deps, session, wish);
  const known = await ask(() => turnAt(deps, session, turn));
  if (known > 0) return { kind: "repeated", seq: known };
  throw codedError("turns_full", `${open} turns of the session have not ended`);
}

/** A turn behind none that has not ended. Where several come at once, the log takes one of them. */
async function requestAlone(deps: PutDeps, session: Session, wish: TurnWish): Promise<Requested> {
  const ask = <T>(question: () => Promise<T>): Promise<T> => patiently(question, deps);
  const filter = namedFilter(session.name, "turn");
  const last = await ask(() => lastOf(deps, filter)); // first, so that one that comes meanwhile is noticed
  const known = await ask(() => turnAt(deps, session, wish.turn));
  if (known > 0) return { kind: "repeated", seq: known };
  const open = await ask(() => openTurns(deps.jsm, session.name));
  if (open > 0) throw codedError("turn_running", "another turn of the session has not ended");
  const stored = await storeWish(deps, session, { ...wish, behind: { filter, last } });
  if (stored.kind === "accepted") return stored;
  const quicker = await ask(() => turnAt(deps, session, wish.turn));
  if (quicker > 0) return { kind: "repeated", seq: quicker };
  throw codedError("turn_running", "another turn of the session came first");
}

/** Place of the turn that a client calls `turn`; 0 if there is none. Asked of the leader. */
export function turnAt(
  deps: Pick<PutDeps, "jsm">,
  { name }: { name: string },
  turn: string,
): Promise<number> {
  return lastOf(deps, inSubject(name, "turn", wishToken(turn)));
}

async function lastOf({ jsm }: Pick<PutDeps, "jsm">, last_by_subj: string): Promise<number> {
  return (await jsm.streams.getMessage(SESSIONS_STREAM, { last_by_subj }))?.seq ?? 0;
}

/** Asks that a turn ends. Once is enough: the first one's `reason` is the one that clients see. */
export function cancelTurn(
  deps: PutDeps,
  session: Session,
  turn: string,
  reason?: string,
): Promise<Requested> {
  return storeWish(deps, session, {
    kind: "cancel",
    token: wishToken(turn),
    turn,
    data: Buffer.from(JSON.stringify({ reason })),
    urgent: true,
  });
}

/** Decides about a question of an agent. The first decision counts; whether there is such a question, its owner knows (ASK-1). */
export function decide(
  deps: PutDeps,
  session: Session,
  request: string,
  answer: { allow: boolean; message?: string; remember?: boolean },
): Promise<Requested> {
  const data = Buffer.from(JSON.stringify({ ...answer, request_id: request }));
  return storeWish(deps, session, { kind: "decision", token: request, data, urgent: true });
}
