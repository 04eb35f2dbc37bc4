import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Fact } from "../../../../../src/shared/session-log/turns/fact.ts";
import {
  MAX_WAIT_MS,
  ownerMove,
  type OwnerMay,
  type OwnerMove,
} from "../../../../../src/shared/session-log/turns/owner-move.ts";
import {
  advanceSession,
  MOST_INPUTS,
  NEW_SESSION,
  type SessionState,
} from "../../../../../src/shared/session-log/turns/session-state.ts";

/** A fact without its place: `said` in a term, or wanted by a client. */
type Wanted = Fact extends infer F ? (F extends Fact ? Omit<F, "seq" | "out"> : never) : never;

/** A log that numbers what it gets. */
function log(): {
  state: () => SessionState;
  want: (it: Wanted) => void;
  say: (epoch: number, it: Wanted) => void;
} {
  let state = NEW_SESSION;
  let seq = 0;
  const add = (fact: Fact): void => void (state = advanceSession(state, fact));
  return {
    state: () => state,
    want: (it) => add({ ...it, seq: ++seq }),
    say: (epoch, it) => add({ ...it, seq: ++seq, out: { n: state.out.n + 1, epoch, id: `e${seq}` } }),
  };
}

const OWNED = { type: "owner" } as const;
const turn = (id: string, at = 0): Wanted => ({ type: "turn", turn: id, at });
/** An owner in the term `epoch` that may run turns. */
const owner = (epoch: number): OwnerMay => ({ epoch, start: true, now: 0 });
const started = (id: string): Wanted => ({ type: "started", turn: id });
const finished = (id: string): Wanted => ({ type: "ended", turn: id, outcome: "finished" });
const asked = (request: string, id: string): Wanted => ({ type: "asked", request, turn: id });
const decided = (request: string, allow = true): Wanted => ({ type: "decided", request, allow });

test("turns wait in their order, one runs, and a repeat of an id changes nothing", () => {
  const it = log();
  it.want(turn("a"));
  it.want(turn("b"));
  it.want(turn("a"));
  expect(ownerMove(it.state(), owner(1))).toEqual({ kind: "own" });
  it.say(1, OWNED);
  expect(ownerMove(it.state(), owner(1))).toEqual({ kind: "start", turn: "a" });
  it.say(1, started("a"));
  expect(ownerMove(it.state(), owner(1))).toEqual({ kind: "run", turn: "a", cancel: false });
  it.want({ type: "cancel", turn: "a" });
  it.want({ type: "cancel", turn: "none" });
  expect(ownerMove(it.state(), owner(1))).toEqual({ kind: "run", turn: "a", cancel: true });
  it.say(1, finished("a"));
  it.want({ type: "cancel", turn: "b" });
  expect(ownerMove(it.state(), owner(1))).toEqual({ kind: "end", turn: "b", outcome: "cancelled" });
  it.say(1, { type: "ended", turn: "b", outcome: "cancelled" });
  it.want(turn("a"));
  it.want({ type: "cancel", turn: "a" });
  expect(ownerMove(it.state(), owner(1))).toEqual({ kind: "wait" });
  expect(it.state().turns.get("a")).toMatchObject({ kind: "ended", outcome: "finished" });
});

test("a new owner voids the questions, ends the turn of the old owner, and continues with the next one", () => {
  const it = log();
  for (const id of ["a", "b"]) it.want(turn(id));
  it.say(1, OWNED);
  it.say(1, started("a"));
  it.say(1, asked("q", "a"));
  it.say(4, OWNED);
  expect(ownerMove(it.state(), owner(4))).toEqual({ kind: "void", request: "q" });
  it.say(4, { type: "resolved", request: "q" });
  expect(ownerMove(it.state(), owner(4))).toEqual({ kind: "end", turn: "a", outcome: "interrupted" });
  it.say(4, { type: "ended", turn: "a", outcome: "interrupted" });
  expect(ownerMove(it.state(), owner(4))).toEqual({ kind: "start", turn: "b" });
});

test("an owner without the session's folder ends what nobody runs, and starts nothing", () => {
  const it = log();
  const tidy = { epoch: 2, start: false, now: 0 };
  for (const id of ["a", "b", "c"]) it.want(turn(id));
  it.say(1, OWNED);
  it.say(1, started("a"));
  it.want({ type: "cancel", turn: "b" });
  it.say(2, OWNED);
  expect(ownerMove(it.state(), tidy)).toEqual({ kind: "end", turn: "a", outcome: "interrupted" });
  it.say(2, { type: "ended", turn: "a", outcome: "interrupted" });
  expect(ownerMove(it.state(), tidy)).toEqual({ kind: "end", turn: "b", outcome: "cancelled" });
  it.say(2, { type: "ended", turn: "b", outcome: "cancelled" });
  expect(ownerMove(it.state(), tidy)).toEqual({ kind: "wait" });
});

test("a turn that waited for a day fails, whoever owns its session", () => {
  const it = log();
  it.want(turn("a", 1000));
  it.say(1, OWNED);
  for (const start of [true, false]) {
    const gone = { kind: "end", turn: "a", outcome: "failed", code: "worker_gone" };
    expect(ownerMove(it.state(), { epoch: 1, start, now: 1001 + MAX_WAIT_MS })).toEqual(gone);
  }
  expect(ownerMove(it.state(), { ...owner(1), now: 1000 + MAX_WAIT_MS })).toMatchObject({ kind: "start" });
});

describe("ASK-1: only the first decision that follows its request, in its owner's term, counts", () => {
  const running = (): ReturnType<typeof log> => {
    const it = log();
    it.want(turn("a"));
    it.say(1, OWNED);
    it.say(1, started("a"));
    return it;
  };
  test("an early, a second and an unknown one change nothing", () => {
    const it = running();
    it.want(decided("q"));
    it.say(1, asked("q", "a"));
    expect(it.state().questions.get("q")).toMatchObject({ kind: "open" });
    it.want(decided("other"));
    it.want(decided("q", false));
    it.want(decided("q", true));
    expect(it.state().questions.get("q")).toEqual({ kind: "decided", turn: "a", epoch: 1, allow: false });
  });
  test("one that comes after a takeover changes nothing", () => {
    const it = running();
    it.say(1, asked("q", "a"));
    it.say(2, OWNED);
    it.want(decided("q"));
    expect(it.state().questions.get("q")).toMatchObject({ kind: "open" });
    expect(ownerMove(it.state(), owner(2))).toEqual({ kind: "void", request: "q" });
  });
  test("one that comes after the end of the turn changes nothing", () => {
    const it = running();
    it.say(1, asked("q", "a"));
    it.say(1, finished("a"));
    it.want(decided("q"));
    expect(it.state().questions.get("q")).toEqual({ kind: "closed" });
  });
  test("a question of a turn that does not run is none, and its id is asked once", () => {
    const it = running();
    it.say(1, asked("q", "b"));
    expect(it.state().questions.size).toBe(0);
    it.say(1, asked("q", "a"));
    it.say(1, { type: "resolved", request: "q" });
    it.say(1, asked("q", "a"));
    expect(it.state().questions.get("q")).toEqual({ kind: "closed" });
  });
});

test("what a process says whose term is over changes nothing, and no term comes back", () => {
  const it = log();
  it.want(turn("a"));
  it.say(3, OWNED);
  it.say(2, started("a"));
  expect(it.state().turns.get("a")).toMatchObject({ kind: "queued" });
  it.say(3, OWNED);
  it.say(1, OWNED);
  expect(it.state().epoch).toBe(3);
});

test("events that come twice, as pages and what is heard overlap, count once", () => {
  const fact: Fact = { seq: 5, type: "turn", turn: "a", at: 0 };
  const once = advanceSession(NEW_SESSION, fact);
  expect(advanceSession(once, fact)).toBe(once);
  expect(advanceSession(once, { seq: 4, type: "turn", turn: "b", at: 0 })).toBe(once);
});

/** Clients that want and cancel at any time, owners that die at any time: what the log says in the end. */
test("TURN-1: every turn ends exactly once, at most one runs at a time, and none begins twice", () => {
  const step = fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({ act: fc.constant("turn" as const), id: fc.integer({ min: 1, max: 6 }) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ act: fc.constant("cancel" as const), id: fc.integer({ min: 1, max: 6 }) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ act: fc.constant("decide" as const), id: fc.integer({ min: 1, max: 6 }) }),
    },
    { weight: 6, arbitrary: fc.record({ act: fc.constant("move" as const), id: fc.constantFrom(0, 1, 2) }) },
    { weight: 1, arbitrary: fc.record({ act: fc.constant("die" as const), id: fc.constant(0) }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const it = log();
      let epoch = 1;
      const ends: string[] = [];
      const starts: string[] = [];
      const act = (move: OwnerMove, choice: number): void => {
        if (move.kind === "own") it.say(epoch, OWNED);
        else if (move.kind === "void") it.say(epoch, { type: "resolved", request: move.request });
        else if (move.kind === "start") {
          starts.push(move.turn);
          it.say(epoch, started(move.turn));
        } else if (move.kind === "end") {
          ends.push(move.turn);
          it.say(epoch, { type: "ended", turn: move.turn, outcome: move.outcome });
        } else if (move.kind === "run" && choice === 1) it.say(epoch, asked(`q${move.turn}`, move.turn));
        else if (move.kind === "run" && (choice === 2 || move.cancel)) {
          ends.push(move.turn);
          it.say(epoch, finished(move.turn));
        }
        const running = [...it.state().turns.values()].filter(({ kind }) => kind === "running");
        expect(running.length).toBeLessThanOrEqual(1);
      };
      for (const { act: what, id } of steps) {
        if (what === "turn") it.want(turn(`t${id}`));
        else if (what === "cancel") it.want({ type: "cancel", turn: `t${id}` });
        else if (what === "decide") it.want(decided(`qt${id}`));
        else if (what === "die") epoch++;
        else act(ownerMove(it.state(), owner(epoch)), id);
      }
      for (let i = 0; i < 100 && ownerMove(it.state(), owner(epoch)).kind !== "wait"; i++)
        act(ownerMove(it.state(), owner(epoch)), 2);
      const { turns, questions } = it.state();
      expect([...turns.values()].every(({ kind }) => kind === "ended")).toBe(true);
      expect([...questions.values()].every(({ kind }) => kind === "closed")).toBe(true);
      expect(ends.toSorted()).toEqual([...turns.keys()].toSorted());
      expect(new Set(starts).size).toBe(starts.length);
    }),
    { numRuns: 500 },
  );
});

test("what an agent is told belongs to the turn that runs; mode and thread are the newest ones", () => {
  const it = log();
  const input: Wanted = { type: "input" };
  it.want(turn("a"));
  it.want(input);
  it.want({ type: "mode", mode: "ask" });
  it.say(1, OWNED);
  it.want(turn("b"));
  it.want({ type: "cancel", turn: "b" });
  it.say(1, { type: "ended", turn: "b", outcome: "cancelled" });
  expect([it.state().inputs, it.state().mode]).toEqual([[2], "ask"]);
  it.say(1, started("a"));
  it.want(input);
  it.say(1, { type: "thread", thread: { runner: "r", id: "1" } });
  it.want({ type: "mode", mode: "bypass" });
  it.say(1, { type: "thread", thread: { runner: "r", id: "2" } });
  expect(it.state().inputs).toEqual([2, 9]);
  it.say(1, finished("a"));
  expect(it.state()).toMatchObject({ inputs: [], mode: "bypass", thread: { runner: "r", id: "2" } });
});

test("of what is said while nothing runs, the newest is kept", () => {
  const it = log();
  it.want(turn("a"));
  for (let i = 0; i < MOST_INPUTS + 5; i++) it.want({ type: "input" });
  const { inputs } = it.state(); // at 2 and behind it
  expect(inputs).toHaveLength(MOST_INPUTS);
  expect(inputs.at(-1)).toBe(MOST_INPUTS + 6);
  expect(inputs[0]).toBe(7);
});
