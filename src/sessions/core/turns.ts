import type { Session } from "../../shared/session-log/registry/entry.ts";
import { patiently } from "../../shared/session-log/patiently.ts";
import { cancelTurn, requestTurn, turnAt } from "../../shared/session-log/turns/request.ts";
import { isRefusal, lacks, refuse, type Caller, type Refusal } from "../access/caller.ts";
import type { Within } from "./deps.ts";
import { dataProblem } from "./data.ts";
import { find, type SessionRef } from "./find.ts";
import { readTurns, turnView, type TurnView } from "./turn-views.ts";

export type TurnRequest = {
  /** The client's own id for the turn. */
  turn?: string | undefined;
  /** What the agent gets, as JSON. */
  data: Uint8Array;
  whenBusy: "queue" | "reject";
  trace?: string | undefined;
  /** With which the worker fetches credentials for the agent, as the value of an Authorization header. Never in the log. */
  callerToken?: string | undefined;
};

/** A turn that lies in the log. `repeated`: it lay there before. */
export type SubmittedTurn = { kind: "accepted"; turn: string; seq: number; repeated: boolean };

/** Asks for a turn. When this resolves, the turn is on disk. */
export async function submitTurn(
  deps: Within,
  caller: Caller,
  ref: SessionRef,
  request: TurnRequest,
): Promise<SubmittedTurn | Refusal> {
  const session = lacks(caller, "user") ?? dataProblem(request.data) ?? (await find(deps, caller, ref));
  if (isRefusal(session)) return session;
  if (session.kind === "pod")
    return refuse("field_invalid", "the session belongs to an agent outside, which has no turns");
  const { turn = `turn_${deps.random()}`, data, whenBusy, trace, callerToken } = request;
  const alone = whenBusy === "reject";
  return await askForTurn(deps, caller, session, { turn, data, alone, trace, callerToken });
}

const NOTHING = (): void => undefined;

/** The same in a session that is known to be the caller's. Users have a limit of turns; at it, those that are there are still recognised. */
export async function askForTurn(
  deps: Within,
  caller: Caller,
  session: Session,
  asked: Pick<TurnRequest, "data" | "trace" | "callerToken"> & { turn: string; alone?: boolean },
): Promise<SubmittedTurn | Refusal> {
  const { turn, data, alone = false, trace, callerToken: token } = asked;
  const place = await deps.gate.turn(caller, session.user, session.name);
  if (isRefusal(place)) {
    const known = await patiently(() => turnAt(deps, session, turn), deps);
    return known === 0 ? place : { kind: "accepted", turn, seq: known, repeated: true };
  }
  const { callerTokens } = deps;
  const drop = token === undefined ? NOTHING : callerTokens.hold({ session: session.name, turn, token });
  if (typeof drop === "object") {
    place.giveBack();
    return drop;
  }
  const taken = deps.turnCounts.take(session.name);
  let stored = false;
  try {
    const open = (): Promise<number> => taken.open();
    const { kind, seq } = await requestTurn(deps, session, turn, data, {
      alone,
      trace,
      open,
      ...(token === undefined ? {} : { holder: callerTokens.holder }),
    });
    stored = kind === "accepted";
    if (!stored) place.giveBack();
    return { kind: "accepted", turn, seq, repeated: !stored };
  } finally {
    taken.settle(stored);
    if (!stored) drop();
  }
}

/** The turn that a client calls `turn`. */
export async function findTurn(
  deps: Within,
  caller: Caller,
  ref: SessionRef,
  turn: string,
): Promise<TurnView | Refusal> {
  const session = lacks(caller, "read") ?? (await find(deps, caller, ref));
  return isRefusal(session) ? session : await viewOf(deps, session, turn);
}

async function viewOf(deps: Within, session: Session, turn: string): Promise<TurnView | Refusal> {
  const seq = await patiently(() => turnAt(deps, session, turn), deps);
  const view = seq === 0 ? undefined : await turnView(deps, session, seq);
  return view ?? refuse("turn_unknown", "the session has no such turn");
}

export type TurnsPage = { kind: "turns"; turns: TurnView[]; next: number | undefined };

/** Most turns in one answer. */
const MAX_TURNS = 1000;

/** Turns behind the place `after`, in the order in which they came. */
export async function listTurns(
  deps: Within,
  caller: Caller,
  ref: SessionRef,
  page: { after: number; limit: number },
): Promise<TurnsPage | Refusal> {
  const session = lacks(caller, "read") ?? (await find(deps, caller, ref));
  if (isRefusal(session)) return session;
  const limit = Math.min(page.limit, MAX_TURNS);
  const turns = await readTurns(deps, session, { after: page.after, limit: limit + 1 });
  const shown = turns.slice(0, limit);
  return { kind: "turns", turns: shown, next: turns.length > limit ? shown.at(-1)?.seq : undefined };
}

/** Asks that a turn ends. What has ended stays as it is. */
export async function cancel(
  deps: Within,
  caller: Caller,
  ref: SessionRef,
  turn: string,
  reason?: string,
): Promise<{ kind: "accepted"; seq: number } | { kind: "ended"; turn: TurnView } | Refusal> {
  const session = lacks(caller, "user") ?? (await find(deps, caller, ref));
  if (isRefusal(session)) return session;
  const view = await viewOf(deps, session, turn);
  if (isRefusal(view)) return view;
  if (view.status !== "queued" && view.status !== "running") return { kind: "ended", turn: view };
  return { kind: "accepted", seq: (await cancelTurn(deps, session, turn, reason)).seq };
}
