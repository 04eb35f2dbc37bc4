import type { Decided, Fact, Outcome, Thread } from "./fact.ts";

/** A turn as the log knows it. `cancelled`: somebody wants it to end. */
export type Turn =
  | { kind: "queued"; seq: number; at: number; cancelled: boolean }
  | { kind: "running"; seq: number; epoch: number; cancelled: boolean }
  | { kind: "ended"; seq: number; outcome: Outcome };

/** A question of an agent to its user. */
export type Question =
  | { kind: "open"; turn: string; epoch: number }
  /** The first decision behind it, if that came in its owner's term. */
  | ({ kind: "decided"; turn: string; epoch: number } & Decided)
  | { kind: "closed" };

/** More inputs of one turn are not kept: clients may send any number while no turn runs. Five pages of the log, so that none is passed over while one runs. */
export const MOST_INPUTS = 1000;

/** Everything that the owner of a session needs to know of it. */
export type SessionState = {
  /** Newest event. */
  last: number;
  /** Newest event of an owner: its place, and its number; zeros before there is one. */
  out: { seq: number; n: number };
  /** The owner's term; 0 before there is one. */
  epoch: number;
  turns: ReadonlyMap<string, Turn>;
  questions: ReadonlyMap<string, Question>;
  /** Places of what clients say to the agent of the turn that runs, or begins next: the newest ones. */
  inputs: readonly number[];
  /** How much the agent may do unasked, if anybody has said that. */
  mode: string | undefined;
  thread: Thread | undefined;
};

export const NEW_SESSION: SessionState = {
  last: 0,
  out: { seq: 0, n: 0 },
  epoch: 0,
  turns: new Map(),
  questions: new Map(),
  inputs: [],
  mode: undefined,
  thread: undefined,
};

/** The state after one more event. What contradicts the log so far changes nothing but the place. Pure. */
export function advanceSession(before: SessionState, fact: Fact): SessionState {
  const { seq, out } = fact;
  if (seq <= before.last) return before;
  const state: SessionState = {
    ...before,
    last: seq,
    ...(out === undefined ? {} : { out: { seq, n: out.n } }),
  };
  if (out !== undefined && fact.type !== "owner" && out.epoch !== before.epoch) return state; // of a term that is over
  switch (fact.type) {
    case "turn":
      if (before.turns.has(fact.turn)) return state;
      return withTurn(state, fact.turn, { kind: "queued", seq, at: fact.at, cancelled: false });
    case "cancel":
    case "started":
    case "ended":
      return withTurnFact(state, fact);
    case "owner":
      return out === undefined || out.epoch <= before.epoch ? state : { ...state, epoch: out.epoch };
    case "asked": {
      const running = before.turns.get(fact.turn)?.kind === "running";
      if (!running || before.questions.has(fact.request)) return state;
      return withQuestion(state, fact.request, { kind: "open", turn: fact.turn, epoch: state.epoch });
    }
    case "decided": {
      const question = before.questions.get(fact.request);
      if (question?.kind !== "open" || question.epoch !== before.epoch) return state;
      return withQuestion(state, fact.request, decided(question, fact));
    }
    case "resolved":
      return before.questions.has(fact.request)
        ? withQuestion(state, fact.request, { kind: "closed" })
        : state;
    case "input":
      return { ...state, inputs: [...before.inputs.slice(1 - MOST_INPUTS), seq] };
    case "mode":
      return { ...state, mode: fact.mode };
    case "thread":
      return { ...state, thread: fact.thread };
    case "other":
      return state;
  }
}

function decided(
  { turn, epoch }: { turn: string; epoch: number },
  { allow, message, remember }: Decided,
): Question {
  return {
    kind: "decided",
    turn,
    epoch,
    allow,
    ...(message === undefined ? {} : { message }),
    ...(remember === undefined ? {} : { remember }),
  };
}

function withTurnFact(
  state: SessionState,
  fact: Extract<Fact, { type: "cancel" | "started" | "ended" }>,
): SessionState {
  const turn = state.turns.get(fact.turn);
  if (turn === undefined || turn.kind === "ended") return state;
  if (fact.type === "cancel") return withTurn(state, fact.turn, { ...turn, cancelled: true });
  if (fact.type === "started") {
    const { seq, cancelled } = turn;
    return turn.kind === "queued"
      ? withTurn(state, fact.turn, { kind: "running", seq, epoch: state.epoch, cancelled })
      : state;
  }
  const questions = new Map(state.questions);
  for (const [request, question] of questions)
    if (question.kind !== "closed" && question.turn === fact.turn) questions.set(request, { kind: "closed" });
  const ended: Turn = { kind: "ended", seq: turn.seq, outcome: fact.outcome };
  const inputs = turn.kind === "running" ? [] : state.inputs; // those were for its agent
  return { ...withTurn(state, fact.turn, ended), questions, inputs };
}

function withTurn(state: SessionState, id: string, turn: Turn): SessionState {
  return { ...state, turns: new Map(state.turns).set(id, turn) };
}

function withQuestion(state: SessionState, id: string, question: Question): SessionState {
  return { ...state, questions: new Map(state.questions).set(id, question) };
}
