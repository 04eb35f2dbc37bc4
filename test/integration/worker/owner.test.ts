import { afterEach, beforeEach, expect, test } from "vitest";
import type { Agent, AgentEvents, AgentTurn } from "../../../src/agents/agent.ts";
import { agentOf } from "../../../src/agents/conduct.ts";
import { echoRunner } from "../../../src/agents/echo.ts";
import { eventJson, readSessionEvent } from "../../../src/shared/session-log/event/session-event.ts";
import { createSession } from "../../../src/shared/session-log/registry/create.ts";
import { deleteSession } from "../../../src/shared/session-log/registry/delete.ts";
import type { Session } from "../../../src/shared/session-log/registry/entry.ts";
import { storeWish } from "../../../src/shared/session-log/turns/wish.ts";
import { cancelTurn, decide, requestTurn } from "../../../src/shared/session-log/turns/request.ts";
import type { Requested } from "../../../src/shared/session-log/turns/wish.ts";
import { ownSession, type OwnerDeps, type OwnerEnd } from "../../../src/worker/owner.ts";
import { anyFolder } from "../../support/agent-home.ts";
import type { TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { registry, sessionsBroker, workerHome, type Registry } from "../session-log/harness.ts";

let broker: TestBroker;
let ending: AbortController;
let client: Registry;
let session: Session;

beforeEach(async () => {
  broker = await sessionsBroker();
  ending = new AbortController();
  client = await registry(broker, ending.signal);
  ({ session } = await createSession(client, { user: "ann", id: "s", kind: "worker", record: {} }));
});
afterEach(async () => {
  ending.abort();
  await broker[Symbol.asyncDispose]();
});

type Shown = {
  n?: number;
  type: string;
  turn_id?: string;
  data: Record<string, unknown> & { text?: string; outcome?: string; resolved_by?: string };
};

async function events(): Promise<Shown[]> {
  const { events: stored } = await client.pages.read(`rr.ses.${session.name}.>`, 1);
  return stored.map((it) => {
    const read = readSessionEvent(it);
    if (!("event" in read)) throw new Error(`unreadable: ${it.subject}`);
    return JSON.parse(eventJson(read.event)) as Shown;
  });
}

/** `type turn what` of what the owner said. */
async function said(): Promise<string[]> {
  const owned = (await events()).filter(({ n }) => n !== undefined);
  expect(owned.map(({ n }) => n)).toEqual(owned.map((_, i) => i + 1)); // without a gap
  return owned
    .filter(({ type }) => type !== "owner")
    .map(({ type, turn_id, data }) =>
      [type, turn_id, data.text ?? data.outcome ?? data.resolved_by]
        .filter((it) => it !== undefined)
        .join(" "),
    );
}

const turn = (id: string, input = "hello"): Promise<Requested> =>
  requestTurn(client, session, id, Buffer.from(JSON.stringify({ user_input: input })));

type Owned = { deps: OwnerDeps; leave: () => void; over: Promise<OwnerEnd> };

/** Owns the session with a process of its own. */
async function own(agent: Agent, changed: Partial<OwnerDeps> = {}, maxBytes = 1e9): Promise<Owned> {
  const deps = { ...(await workerHome(broker, ending.signal)), ...changed };
  const leaving = new AbortController();
  const over = ownSession(deps, session, {
    worker: "w",
    ...anyFolder(agent),
    claim: { kind: "run", root: { root: "root", place: "place" } },
    idleMs: 60_000,
    maxBytes,
    signal: leaving.signal,
  });
  over.catch(() => undefined);
  return { deps, leave: () => leaving.abort(), over };
}

type Started = { turn: AgentTurn; events: AgentEvents; signal: AbortSignal; end: () => void };

/** An agent whose turns the test runs. */
function scripted(): { agent: Agent; started: Started[] } {
  const started: Started[] = [];
  return {
    started,
    agent: {
      run(of, told, signal) {
        const { promise, resolve } = Promise.withResolvers<void>();
        signal.addEventListener("abort", () => resolve());
        started.push({ turn: of, events: told, signal, end: resolve });
        return promise.then(() => ({ outcome: "finished" as const }));
      },
    },
  };
}

async function nth(started: readonly Started[], n: number): Promise<Started> {
  return await eventually(() => {
    const it = started[n];
    if (it === undefined) throw new Error(`turn ${n} has not begun`);
    return it;
  });
}

test("TURN-1: turns run one after the other, each once, and a repeat is recognised", async () => {
  expect(await turn("a", "hello there")).toMatchObject({ kind: "accepted" });
  const b = await turn("b", "x");
  await own(agentOf(echoRunner()));
  expect(await turn("b", "another text")).toEqual({ ...b, kind: "repeated" });
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
  const { hub } = await workerHome(broker, ending.signal);
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

async function openQuestion(): Promise<string> {
  return await eventually(async () => {
    const asked = (await events()).filter(({ type }) => type === "permission_request").at(-1);
    if (asked === undefined) throw new Error("nothing was asked");
    return String(asked.data["request_id"]);
  });
}

test("ASK-1: the first decision about a question that is in the log is what the agent gets, and what is forged is nothing", async () => {
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

test("OWNER-1, ASK-1: a new owner ends the turn, voids its question, and continues; the old owner has stopped by then", async () => {
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
  const { agent, started } = scripted();
  const owned = await own(agent);
  await turn("a");
  const a = await nth(started, 0);
  await deleteSession(client, session);
  expect(await owned.over).toBe("deleted");
  expect(a.signal.aborted).toBe(true);
});

test("a log that is full fails the turn, and its end still fits", async () => {
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
  const { agent, started } = scripted();
  await own(agent, {}, 20_000);
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
  const all = Array.from({ length: 17 }, (_, i) => `t${i}`);
  for (const id of all) expect(await turn(id)).toMatchObject({ kind: "accepted" });
  await expect(turn("more")).rejects.toMatchObject({ code: "turns_full" });
  expect(await turn("t3")).toMatchObject({ kind: "repeated" });
  await own(agentOf(echoRunner()));
  await eventually(async () => expect(await turn("more")).toMatchObject({ kind: "accepted" }));
});

test("an agent that throws, and data that are too large, fail nothing but what they are", async () => {
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

test("what clients say while a turn runs reaches its agent, each thing once and in order; the next turn knows the mode", async () => {
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
