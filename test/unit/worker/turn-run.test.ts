import { expect, test } from "vitest";
import type { AgentEvents, TurnAsked } from "../../../src/agents/agent.ts";
import type { Put } from "../../../src/shared/session-log/append/put.ts";
import type { TurnAgent } from "../../../src/guard/children.ts";
import { MOST_WAITING } from "../../../src/worker/backlog.ts";
import { runTurn, type TurnRun } from "../../../src/worker/turn-run.ts";
import type { Voice } from "../../../src/worker/voice.ts";
import { createFakeClock, promises, type FakeClock } from "../../support/fake-clock.ts";

const TURN: TurnAsked = {
  session: { id: "s", user: "ann", workspace: undefined, metadata: {}, options: {} },
  turn: "t",
  thread: undefined,
  mode: undefined,
  request: {},
};

const MAX_TURN_MS: number = 6 * 60 * 60 * 1000;

type World = {
  clock: FakeClock;
  said: string[];
  /** What the log answers from now on. */
  answers: (put: Put) => void;
  events: AgentEvents;
  finish: () => void;
  signal: AbortSignal;
  run: TurnRun;
};

/** `stored`: until then the log does not answer. */
async function world(stored?: Promise<void>): Promise<World> {
  const clock = createFakeClock();
  const said: string[] = [];
  let put: Put = { kind: "stored", seq: 1 };
  const voice: Voice = {
    say(kind, data) {
      said.push(`${kind} ${JSON.stringify(data)}`);
      return stored === undefined ? Promise.resolve(put) : stored.then(() => put);
    },
    last: () => 0,
  };
  const begun = Promise.withResolvers<{ events: AgentEvents; signal: AbortSignal; finish: () => void }>();
  const agent: TurnAgent = {
    run: (_, events, signal) =>
      new Promise((resolve) => {
        const finish = (): void => resolve({ outcome: "finished" });
        signal.addEventListener("abort", finish);
        begun.resolve({ events, signal, finish });
      }),
  };
  let names = 0;
  const run = runTurn({ agent, voice, clock, random: () => `q${++names}`, maxTurnMs: MAX_TURN_MS }, TURN);
  return { clock, said, answers: (next) => void (put = next), run, ...(await begun.promise) };
}

test("what an agent says is in its order, pieces of one text together", async () => {
  const { events, said, finish, run } = await world();
  events.piece("text", "0", "a");
  events.piece("text", "0", "b");
  events.piece("text", "0", "c");
  events.tell("tool_call", { name: "ls" });
  events.piece("thinking", "1", "d");
  finish();
  await run.over;
  expect(said).toEqual([
    'text {"text":"a","block":"0"}',
    'text {"text":"bc","block":"0"}',
    'tool_call {"name":"ls"}',
    'thinking {"text":"d","block":"1"}',
    'turn_ended {"outcome":"finished"}',
  ]);
});

test("a turn whose agent met an error has failed, and its end says why; from some an agent recovers", async () => {
  const { events, said, finish, run } = await world();
  events.tell("error", { message: "slow down", recoverable: true });
  events.tell("error", { message: "boom", code: "SCRIPTED", recoverable: false, dump: { large: true } });
  events.tell("error", { message: "and so it ended" });
  finish();
  await run.over;
  expect(said.at(-1)).toBe('turn_ended {"message":"boom","code":"SCRIPTED","outcome":"failed"}');
});

test("an error that the agent recovered from fails nothing", async () => {
  const { events, said, finish, run } = await world();
  events.tell("error", { message: "slow down", recoverable: true });
  finish();
  await run.over;
  expect(said.at(-1)).toBe('turn_ended {"outcome":"finished"}');
});

test("a turn that takes too long fails", async () => {
  const { clock, said, signal, run } = await world();
  await clock.pass(MAX_TURN_MS - 1);
  expect(signal.aborted).toBe(false);
  await clock.pass(1);
  await run.over;
  expect(signal.aborted).toBe(true);
  expect(said).toEqual(['turn_ended {"outcome":"failed","code":"turn_timeout"}']);
});

test("ASK-1: a question waits for hours, is answered once, and only after its decision is in the log", async () => {
  const { clock, events, said, answers, run } = await world();
  const heard: boolean[] = [];
  void events.ask({ tool: "rm" }).then(({ allow }) => heard.push(allow));
  void events.ask({ tool: "ls" }).then(({ allow }) => heard.push(allow));
  await clock.pass(2 * 60 * 60 * 1000);
  expect(heard).toEqual([]);
  run.decide("other", { allow: true });
  run.decide("q1", { allow: true });
  run.decide("q1", { allow: false });
  await promises();
  expect(heard).toEqual([true]);
  answers({ kind: "refused", full: false, detail: "no" });
  run.decide("q2", { allow: true });
  await promises();
  expect(heard).toEqual([true, false]);
  expect(said.filter((it) => it.startsWith("permission_resolved"))).toHaveLength(2);
});

test.each<["cancel" | "interrupted" | "silent", string[]]>([
  [
    "cancel",
    [
      'permission_resolved {"request_id":"q1","allowed":false,"resolved_by":"cancelled"}',
      'turn_ended {"outcome":"cancelled"}',
    ],
  ],
  [
    "interrupted",
    [
      'permission_resolved {"request_id":"q1","allowed":false,"resolved_by":"interrupted"}',
      'turn_ended {"outcome":"interrupted"}',
    ],
  ],
  ["silent", []],
])("a turn that is ended by %s refuses what was asked, and says no more", async (how, last) => {
  const { events, said, run } = await world();
  const answer = events.ask({});
  if (how === "cancel") run.cancel();
  else run.leave(how);
  expect(await answer).toEqual({ allow: false });
  events.tell("status", {});
  expect(await Promise.race([events.ask({}), run.over.then(() => "over")])).toEqual({ allow: false });
  await run.over;
  expect(said.slice(1).filter((it) => !it.includes('"q2"'))).toEqual(last);
});

test("OWNER-1: what the log refuses because of another owner ends the agent, without a word", async () => {
  const { events, said, answers, signal, run } = await world();
  answers({ kind: "overtaken", by: 9 });
  events.tell("status", {});
  await run.over;
  expect(signal.aborted).toBe(true);
  expect(said).toEqual(["status {}"]);
});

test("BOUND-1: an agent that talks faster than the log stores has to wait", async () => {
  const stored = Promise.withResolvers<void>();
  const { events, finish, run } = await world(stored.promise);
  for (let i = 0; i < MOST_WAITING; i++) events.tell("status", { i });
  let hasRoom = false;
  const room = events.room().then(() => (hasRoom = true));
  await promises();
  expect(hasRoom).toBe(false);
  stored.resolve();
  await room;
  finish();
  await run.over;
});

test("what clients want before the agent listens is kept for it", async () => {
  const { events, finish, run } = await world();
  const heard: unknown[] = [];
  run.wish({ kind: "input", text: "1" });
  events.hear((wish) => heard.push(wish));
  run.wish({ kind: "mode", mode: "ask" });
  expect(heard).toEqual([
    { kind: "input", text: "1" },
    { kind: "mode", mode: "ask" },
  ]);
  finish();
  await run.over;
});

test("ASK-1: a decision's words reach agent and log", async () => {
  const { events, said, finish, run } = await world();
  const answer = events.ask({ tool_name: "rm" });
  run.decide("q1", { allow: false, message: "not now" });
  expect(await answer).toEqual({ allow: false, message: "not now" });
  expect(said.at(-1)).toBe(
    'permission_resolved {"request_id":"q1","allowed":false,"resolved_by":"user","message":"not now"}',
  );
  finish();
  await run.over;
});
