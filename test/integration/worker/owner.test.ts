import { afterEach, beforeEach, expect, test } from "vitest";
import { agentOf } from "../../../src/agents/conduct.ts";
import { echoRunner } from "../../../src/agents/echo.ts";
import { storeWish } from "../../../src/shared/session-log/turns/wish.ts";
import type { OwnerDeps } from "../../../src/worker/owner.ts";
import { cancelTurn, decide } from "../../../src/shared/session-log/turns/request.ts";
import { eventually } from "../../support/eventually.ts";
import { nth, scripted, startOwnerWorld, type OwnerWorld } from "./owner-world.ts";

/** What the owner of a session does with what clients want, turn by turn. */

let world: OwnerWorld;

beforeEach(async () => {
  world = await startOwnerWorld();
});
afterEach(() => world[Symbol.asyncDispose]());

test("TURN-1: turns run one after the other, each once, and a repeat is recognised", async () => {
  const { events, said, turn, own } = world;
  expect(await turn("a", "hello there")).toMatchObject({ kind: "accepted" });
  const { seq } = await turn("b", "x");
  await own(agentOf(echoRunner()));
  expect(await turn("b", "another text")).toEqual({ seq, kind: "repeated" });
  await eventually(async () => expect(await said()).toHaveLength(7));
  expect((await said()).filter((it) => !it.startsWith("text"))).toEqual([
    "turn_started a",
    "turn_ended a finished",
    "turn_started b",
    "turn_ended b finished",
  ]);
  const texts = (await events()).filter(({ type, turn_id }) => type === "text" && turn_id === "a");
  expect(texts.map(({ data }) => data["text"]).join("")).toBe("hello there");
  expect(await turn("b")).toMatchObject({ kind: "repeated" });
});

test("a turn that runs is cancelled, one that waits never begins, and the next one follows", async () => {
  const { client, session, said, turn, own } = world;
  const { agent, started } = scripted();
  await own(agent);
  for (const id of ["a", "b", "c"]) await turn(id);
  const a = await nth(started, 0);
  await cancelTurn(client, session, "b");
  await cancelTurn(client, session, "a");
  expect(await cancelTurn(client, session, "a")).toMatchObject({ kind: "repeated" });
  const c = await nth(started, 1);
  expect([a.signal.aborted, c.turn.turn, c.turn.request]).toEqual([true, "c", { user_input: "hello" }]);
  c.events.tell("tool_call", { name: "ls" });
  c.end();
  await eventually(async () => expect(await said()).toHaveLength(6));
  expect((await said()).toSorted()).toEqual([
    "tool_call c",
    "turn_ended a cancelled",
    "turn_ended b cancelled",
    "turn_ended c finished",
    "turn_started a",
    "turn_started c",
  ]);
});

test("TURN-1: an owner whose own words come back late says nothing twice", async () => {
  const { client, session, events, said, turn, own, home } = world;
  const { hub } = await home();
  const late: OwnerDeps["hub"] = {
    ...hub,
    join: (name, feed) =>
      hub.join(name, { ...feed, push: (event) => void setTimeout(() => feed.push(event), 100) }),
  };
  const { agent, started } = scripted();
  await own(agent, { hub: late });
  await turn("a");
  const a = await nth(started, 0);
  await turn("b");
  await cancelTurn(client, session, "b");
  await turn("c");
  a.end();
  (await nth(started, 1)).end();
  await eventually(async () => expect(await said()).toContain("turn_ended c finished"));
  expect(await said()).toEqual([
    "turn_started a",
    "turn_ended a finished",
    "turn_ended b cancelled",
    "turn_started c",
    "turn_ended c finished",
  ]);
  expect((await events()).filter(({ type }) => type === "owner")).toHaveLength(1);
});

test("ASK-1: the first decision about a question that is in the log is what the agent gets, and what is forged is nothing", async () => {
  const { client, session, events, said, turn, own, openQuestion } = world;
  const { agent, started } = scripted();
  await own(agent);
  await turn("a");
  const a = await nth(started, 0);
  const [first, second] = [a.events.ask({ tool: "rm" }), a.events.ask({ tool: "ls" })];
  const asked = await eventually(async () => {
    const requests = (await events()).filter(({ type }) => type === "permission_request");
    expect(requests).toHaveLength(2);
    return requests.map(({ data }) => String(data["request_id"]));
  });
  const [rm = "", ls = ""] = asked;
  expect(rm).toMatch(/^[\w-]{22}$/);
  await decide(client, session, "guessed", { allow: true });
  await decide(client, session, rm, { allow: false });
  expect(await decide(client, session, rm, { allow: true })).toMatchObject({ kind: "repeated" });
  expect(await first).toEqual({ allow: false });
  await decide(client, session, ls, { allow: true, message: "once", remember: true });
  expect(await second).toEqual({ allow: true, message: "once", remember: true });
  const before = (await events()).filter(({ type }) => type === "permission_resolved");
  expect(before.map(({ data }) => data["allowed"])).toEqual([false, true]); // in the log before the agent acts
  const third = a.events.ask({ tool: "late" });
  await openQuestion();
  a.end();
  await eventually(async () => expect((await said()).at(-1)).toBe("turn_ended a finished"));
  expect((await said()).at(-2)).toBe("permission_resolved a turn");
  void third;
});

test("what clients say while a turn runs reaches its agent, each thing once and in order; the next turn knows the mode", async () => {
  const { client, session, said, turn, own } = world;
  const { agent, started } = scripted();
  await own(agent);
  const input = (token: string, response: unknown): Promise<unknown> =>
    storeWish(client, session, {
      kind: "input",
      token,
      data: Buffer.from(JSON.stringify({ response })),
      urgent: false,
    });
  const mode = (token: string, to: string): Promise<unknown> =>
    storeWish(client, session, {
      kind: "mode",
      token,
      data: Buffer.from(JSON.stringify({ mode: to })),
      urgent: true,
    });
  await turn("a");
  const a = await nth(started, 0);
  expect(a.turn.mode).toBeUndefined();
  await input("i1", "left");
  await input("i2", { n: 2 });
  const heard: unknown[] = [];
  a.events.hear((wish) => heard.push(wish));
  await input("i3", "right");
  await mode("m1", "bypass");
  await eventually(() => expect(heard).toHaveLength(4));
  expect(heard.filter((it) => (it as { kind: string }).kind === "input")).toEqual(
    ["left", '{"n":2}', "right"].map((text) => ({ kind: "input", text })),
  );
  expect(heard).toContainEqual({ kind: "mode", mode: "bypass" });
  a.events.tell("session_info", { thread_id: "th-1", runner: "r" });
  a.end();
  await turn("b");
  const b = await nth(started, 1);
  expect([b.turn.mode, b.turn.thread]).toEqual(["bypass", { runner: "r", id: "th-1" }]);
  b.events.hear(() => expect.unreachable("these were for the turn before"));
  b.end();
  await eventually(async () => expect((await said()).at(-1)).toBe("turn_ended b finished"));
});
