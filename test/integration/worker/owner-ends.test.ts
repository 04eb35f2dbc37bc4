import { afterEach, beforeEach, expect, test } from "vitest";
import type { Agent } from "../../../src/agents/agent.ts";
import { agentOf } from "../../../src/agents/conduct.ts";
import { echoRunner } from "../../../src/agents/echo.ts";
import { deleteSession } from "../../../src/shared/session-log/registry/delete.ts";
import { decide } from "../../../src/shared/session-log/turns/request.ts";
import { eventually } from "../../support/eventually.ts";
import { nth, scripted, startOwnerWorld, type OwnerWorld } from "./owner-world.ts";

/** What ends a turn, or its owner, before the agent has finished; and the limits of a session. */

let world: OwnerWorld;

beforeEach(async () => {
  world = await startOwnerWorld();
});
afterEach(() => world[Symbol.asyncDispose]());

test("OWNER-1, ASK-1: a new owner ends the turn, voids its question, and continues; the old owner has stopped by then", async () => {
  const { client, session, events, said, turn, own, openQuestion } = world;
  const [old, next] = [scripted(), scripted()];
  const first = await own(old.agent);
  await turn("a");
  await turn("b");
  const a = await nth(old.started, 0);
  const answer = a.events.ask({ tool: "rm" });
  const request = await openQuestion();
  await first.deps.nc.close(); // cut off, and alive
  const second = await eventually(async () => {
    const owned = await own(next.agent);
    const soon = await Promise.race([owned.over, nth(next.started, 0).catch(() => "patience")]);
    if (soon === "taken") throw new Error("still taken");
    return owned;
  }, 200);
  expect(a.signal.aborted).toBe(true);
  expect(await answer).toEqual({ allow: false });
  await decide(client, session, request, { allow: true }); // late
  const b = await nth(next.started, 0);
  expect(b.turn.turn).toBe("b");
  b.end();
  await eventually(async () => expect((await said()).at(-1)).toBe("turn_ended b finished"));
  expect(await said()).toEqual([
    "turn_started a",
    "permission_request a",
    "permission_resolved takeover",
    "turn_ended a interrupted",
    "turn_started b",
    "turn_ended b finished",
  ]);
  expect((await events()).filter(({ type }) => type === "owner")).toHaveLength(2);
  second.leave();
  expect(await second.over).toBe("left");
});

test("an owner that leaves ends its turn as interrupted, and the next one begins at once", async () => {
  const { said, turn, own } = world;
  const [old, next] = [scripted(), scripted()];
  const first = await own(old.agent);
  await turn("a");
  await nth(old.started, 0);
  first.leave();
  expect(await first.over).toBe("left");
  await own(next.agent);
  await turn("b");
  (await nth(next.started, 0)).end();
  await eventually(async () => expect(await said()).toHaveLength(4));
  expect((await said())[1]).toBe("turn_ended a interrupted");
});

test("a session that is deleted stops its turn", async () => {
  const { client, session, turn, own } = world;
  const { agent, started } = scripted();
  const owned = await own(agent);
  await turn("a");
  const a = await nth(started, 0);
  await deleteSession(client, session);
  expect(await owned.over).toBe("deleted");
  expect(a.signal.aborted).toBe(true);
});

test("a log that is full fails the turn, and its end still fits", async () => {
  const { events, said, turn, own } = world;
  let room = Infinity;
  const { agent, started } = scripted();
  await own(agent, { room: () => room });
  await turn("a");
  const a = await nth(started, 0);
  room = 0;
  a.events.tell("status", {});
  await eventually(async () => expect(await said()).toEqual(["turn_started a", "turn_ended a failed"]));
  expect((await events()).at(-1)?.data).toEqual({ outcome: "failed", code: "sessions_full" });
});

test("a session above its limit fails its turn, and continues when something may be removed", async () => {
  const { events, said, turn, own } = world;
  const { agent, started } = scripted();
  await own(agent, {}, { maxBytes: 20_000 });
  await turn("a");
  const a = await nth(started, 0);
  for (let i = 0; i < 30; i++) a.events.tell("status", { text: "x".repeat(1000) });
  await eventually(async () => expect((await said()).at(-1)).toBe("turn_ended a failed"));
  expect((await events()).at(-1)?.data).toEqual({ outcome: "failed", code: "sessions_full" });
  await turn("b"); // the last turn that ended stays, so that there is no room yet
  (await nth(started, 1)).events.tell("status", { text: "y" });
  await eventually(async () =>
    expect((await said()).slice(-2)).toEqual(["turn_started b", "turn_ended b failed"]),
  );
  await turn("c"); // what may be removed is room
  const c = await nth(started, 2);
  c.events.tell("status", { text: "z" });
  c.end();
  await eventually(async () =>
    expect((await said()).slice(-2)).toEqual(["status c z", "turn_ended c finished"]),
  );
});

test("a session has a few turns that wait, and no more; a repeat is recognised all the same", async () => {
  const { turn, own } = world;
  const all = Array.from({ length: 17 }, (_, i) => `t${i}`);
  for (const id of all) expect(await turn(id)).toMatchObject({ kind: "accepted" });
  await expect(turn("more")).rejects.toMatchObject({ code: "turns_full" });
  expect(await turn("t3")).toMatchObject({ kind: "repeated" });
  await own(agentOf(echoRunner()));
  await eventually(async () => expect(await turn("more")).toMatchObject({ kind: "accepted" }));
});

test("an agent that throws, and data that are too large, fail nothing but what they are", async () => {
  const { events, said, turn, own } = world;
  const throwing: Agent = {
    run(_, told) {
      told.tell("tool_result", { text: "x".repeat(1024 * 1024) });
      return Promise.reject(new Error("no such tool"));
    },
  };
  await own(throwing);
  await turn("a");
  await eventually(async () => expect(await said()).toHaveLength(3));
  const [, result, end] = (await events()).filter(({ n, type }) => n !== undefined && type !== "owner");
  expect(result?.data).toMatchObject({ truncated: true });
  expect(end?.data).toEqual({ outcome: "failed", message: "no such tool" });
});

test("turns that are paused meanwhile: what runs goes on, none begins behind it, and the session is given back", async () => {
  const { said, turn, own } = world;
  const { agent, started } = scripted();
  let paused = false;
  const { over } = await own(agent, {}, { pause: { paused: () => paused } });
  for (const id of ["a", "b"]) await turn(id);
  const a = await nth(started, 0);
  paused = true;
  a.events.tell("tool_call", { name: "ls" });
  a.end();
  expect(await over).toBe("left");
  expect(await said()).toEqual(["turn_started a", "tool_call a", "turn_ended a finished"]);
});
