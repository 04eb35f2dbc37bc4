import { afterAll, beforeAll, expect, test } from "vitest";
import type { Agent } from "../../../src/agents/agent.ts";
import { agentOf } from "../../../src/agents/conduct.ts";
import { echoRunner } from "../../../src/agents/echo.ts";
import { startWorker, type Worker } from "../../../src/worker/worker.ts";
import { anyFolder } from "../../support/agent-home.ts";
import type { TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { SESSIONS_KEY, startTestServe, type TestServe } from "../../support/serve.ts";
import { documentedCall } from "./documented.ts";
import { sessionsBroker, workerHome } from "../session-log/harness.ts";

let broker: TestBroker;
let serve: TestServe;
let worker: Worker;
let call: TestServe["call"];
const stop = new AbortController();
const lines: Record<string, unknown>[] = [];

/** Asks its user, and says what it heard. */
const asking: Agent = {
  async run(_turn, events) {
    events.tell("status", { allowed: (await events.ask({ tool: "rm" })).allow });
    return { outcome: "finished" };
  },
};

beforeAll(async () => {
  broker = await sessionsBroker();
  serve = await startTestServe(broker, { onLine: (line) => lines.push(JSON.parse(line)) });
  call = documentedCall(serve);
  const agent: Agent = {
    run: (turn, ...rest) =>
      (turn.request["user_input"] === "ask" ? asking : agentOf(echoRunner())).run(turn, ...rest),
  };
  const home = await workerHome(broker, stop.signal);
  worker = startWorker(home, { name: "w1", ...anyFolder(agent), maxBytes: 64 * 1024 * 1024 });
});
afterAll(async () => {
  await worker?.stop();
  stop.abort();
  await serve?.close();
  await broker?.[Symbol.asyncDispose]();
});

async function made(body: object = {}): Promise<string> {
  const { status, json } = await call("POST", "/sessions", body);
  expect(status).toBe(201);
  return json.session_id;
}

async function ended(id: string, turn: string): Promise<{ status: string }> {
  return await eventually(async () => {
    const { json } = await call("GET", `/sessions/${id}/turns/${turn}`);
    expect(json.ended_at).toEqual(expect.any(String));
    return json;
  });
}

test("a session is made, found, listed, changed and deleted", async () => {
  const { status, json } = await call("POST", "/sessions", {
    user_id: "ann",
    session_id: "mine.1",
    workspace_dir: "/w/a",
    metadata: { colour: "red", size: 1 },
  });
  expect(status).toBe(201);
  expect(json).toEqual({
    session_id: "mine.1",
    user_id: "ann",
    kind: "worker",
    workspace_dir: "/w/a",
    agent: null,
    options: {},
    metadata: { colour: "red", size: 1 },
    created_at: expect.stringMatching(/^\d{4}-.*Z$/),
  });
  expect((await call("GET", "/sessions/mine.1")).json).toEqual(json);
  const changed = await call("PATCH", "/sessions/mine.1", { metadata: { colour: null, shape: "x" } });
  expect(changed.json).toEqual({ ...json, metadata: { size: 1, shape: "x" } });
  const { json: listed } = await call("GET", "/sessions?user_id=ann");
  expect(listed).toEqual({ sessions: [changed.json], next: null });
  expect((await call("DELETE", "/sessions/mine.1")).json).toEqual({ deleted: true });
  expect(await call("GET", "/sessions/mine.1")).toMatchObject({
    status: 404,
    json: { code: "session_unknown" },
  });
  expect((await call("GET", "/sessions?user_id=ann")).json.sessions).toEqual([]);
});

test("a turn runs, and everything that happened is read in pages, forward and backward (TURN-1)", async () => {
  const id = await made();
  const asked = await call("POST", `/sessions/${id}/turns`, {
    user_input: "one two three",
    client_turn_id: "t 1",
  });
  expect(asked).toMatchObject({ status: 202, json: { turn_id: "t 1", repeated: false } });
  expect(await ended(id, "t%201")).toMatchObject({ status: "finished", turn_id: "t 1", seq: asked.json.seq });
  const again = await call("POST", `/sessions/${id}/turns`, {
    user_input: "other",
    client_turn_id: "t 1",
  });
  expect(again).toMatchObject({ status: 202, json: { seq: asked.json.seq, repeated: true } });

  const { json: all } = await call("GET", `/sessions/${id}/events`);
  const types = all.events.map(({ type }: { type: string }) => type);
  expect(types.slice(0, 4)).toEqual(["created", "turn", "owner", "turn_started"]);
  expect(types.at(-1)).toBe("turn_ended");
  expect(all.last).toBe(all.events.at(-1).seq);
  const forward: unknown[] = [];
  for (let after = "0"; ;) {
    const { json } = await call("GET", `/sessions/${id}/events?after=${after}&limit=2`);
    if (json.events.length === 0) break;
    forward.push(...json.events);
    after = json.next;
  }
  expect(forward).toEqual(all.events);
  const backward: unknown[] = [];
  for (let before: string | null = String(all.last + 1); before !== null;) {
    const { json } = await call("GET", `/sessions/${id}/events?before=${before}&limit=2`);
    backward.unshift(...json.events);
    before = json.next;
  }
  expect(backward).toEqual(all.events);
  const { json: live } = await call("GET", `/sessions/${id}/events?after=latest`);
  expect(live).toMatchObject({ events: [], last: all.last, floor: 0 });
});

test("a prompt is the first turn; a repeat by id or key makes nothing anew, and another one is refused", async () => {
  const body = { session_id: "with-prompt", prompt: "hello you", agent: "echo" };
  const { status, json } = await call("POST", "/sessions", body);
  expect(status).toBe(201);
  await ended("with-prompt", json.turn.turn_id);
  const again = await call("POST", "/sessions", body);
  expect(again).toMatchObject({ status: 200, json: { turn: json.turn } });
  expect((await call("POST", "/sessions", { session_id: "with-prompt" })).status).toBe(200);
  for (const other of [{ agent: "x" }, { prompt: "bye" }, { workspace_dir: "/other" }, { options: { a: 1 } }])
    expect(await call("POST", "/sessions", { ...body, ...other })).toMatchObject({
      status: 409,
      json: { code: "session_exists" },
    });
  const key = { "idempotency-key": "k 1" };
  const [one, two] = await Promise.all([0, 1].map(() => call("POST", "/sessions", { agent: "echo" }, key)));
  expect(one?.json).toEqual(two?.json);
  expect(new Set([one?.status, two?.status])).toEqual(new Set([200, 201]));
  expect(await call("POST", "/sessions", { agent: "other" }, key)).toMatchObject({
    status: 422,
    json: { code: "idempotency_key_reused" },
  });
});

test("an agent outside pushes events, each once by key or number, and none that clients act upon", async () => {
  const id = await made();
  const path = `/sessions/${id}/events`;
  const big = '{"type":"note","data":{"n":12345678901234567890,"t":"\\u00e9"}}';
  const first = await call("POST", path, big, { "idempotency-key": "a" });
  const again = await call("POST", path, big, { "idempotency-key": "a" });
  expect(again.json.events).toEqual([{ seq: first.json.events[0].seq, repeated: true }]);
  const numbered = [1, 2].map((number) => ({ type: "note", data: number, producer: "p", epoch: 1, number }));
  const list = await call("POST", path, { events: numbered });
  expect((await call("POST", path, numbered[1])).json.events).toEqual([
    { seq: list.json.events[1].seq, repeated: true },
  ]);
  const read = await fetch(`${serve.url}${path}`, { headers: { "x-api-key": SESSIONS_KEY } });
  expect(await read.text()).toContain('"data":{"n":12345678901234567890,"t":"\\u00e9"}');
  for (const type of ["turn_ended", "permission_request", "owner", "gap", "closed", "created", "Bad type"])
    expect(await call("POST", path, { type }), type).toMatchObject({
      status: 400,
      json: { code: "field_invalid" },
    });
});

/** The question that a session's agent asks now. */
async function questionOf(id: string): Promise<string> {
  return await eventually(async () => {
    const { json } = await call("GET", `/sessions/${id}/events`);
    const asked = json.events.findLast(({ type }: { type: string }) => type === "permission_request");
    expect(asked).toBeDefined();
    return asked.data.request_id;
  });
}

test("a question is answered once, by its first answer (ASK-1)", async () => {
  const id = await made();
  const { turn_id: turn } = (await call("POST", `/sessions/${id}/turns`, { user_input: "ask" })).json;
  const question = await questionOf(id);
  const path = `/sessions/${id}/permissions/${question}`;
  for (const guessed of ["guessed", "a%2Fb", "x".repeat(65)])
    expect(await call("POST", `/sessions/${id}/permissions/${guessed}`, { allow: true })).toMatchObject({
      status: 404,
      json: { code: "question_unknown" },
    });
  expect(await call("POST", path, { allow: "yes" })).toMatchObject({ status: 400 });
  const first = await call("POST", path, { allow: false, message: "no" });
  expect(first).toMatchObject({ status: 202, json: { request_id: question, repeated: false } });
  expect((await call("POST", path, { allow: false })).json).toEqual({ ...first.json, repeated: true });
  expect(await call("POST", path, { allow: true })).toMatchObject({
    status: 409,
    json: { code: "question_closed" },
  });
  expect((await ended(id, turn)).status).toBe("finished");
  const { json } = await call("GET", `/sessions/${id}/events`);
  expect(json.events.filter(({ type }: { type: string }) => type === "status")).toMatchObject([
    { data: { allowed: false } },
  ]);
});

test("a turn that waits for an answer is cancelled; what has ended stays as it is", async () => {
  const id = await made();
  const { turn_id: turn } = (await call("POST", `/sessions/${id}/turns`, { user_input: "ask" })).json;
  const question = await questionOf(id);
  expect(await call("POST", `/sessions/${id}/turns`, { user_input: "x", when_busy: "reject" })).toMatchObject(
    {
      status: 409,
      json: { code: "turn_running" },
    },
  );
  expect((await call("POST", `/sessions/${id}/input`, { input_id: "i", response: { a: 1 } })).status).toBe(
    202,
  );
  expect((await call("POST", `/sessions/${id}/input`, { input_id: "i", response: 2 })).json.repeated).toBe(
    true,
  );
  expect((await call("PUT", `/sessions/${id}/permission-mode`, { mode: "acceptEdits" })).status).toBe(202);
  expect((await call("POST", `/sessions/${id}/turns/${turn}/cancel`)).status).toBe(202);
  expect((await ended(id, turn)).status).toBe("cancelled");
  expect(await call("POST", `/sessions/${id}/turns/${turn}/cancel`)).toMatchObject({
    status: 200,
    json: { status: "cancelled", cancel_requested: true },
  });
  expect(await call("POST", `/sessions/${id}/permissions/${question}`, { allow: true })).toMatchObject({
    status: 409,
    json: { code: "question_closed" },
  });
  expect(await call("POST", `/sessions/${id}/input`, { response: 1 })).toMatchObject({
    status: 409,
    json: { code: "nothing_runs" },
  });
  for (const [method, path] of [
    ["GET", `/sessions/${id}/turns/other`],
    ["POST", `/sessions/${id}/turns/other/cancel`],
  ] as const)
    expect(await call(method, path)).toMatchObject({ status: 404, json: { code: "turn_unknown" } });
  const { json } = await call("GET", `/sessions/${id}/events`);
  const said = json.events.filter(({ source }: { source: string }) => source === "user");
  expect(said.map(({ type }: { type: string }) => type)).toEqual([
    "created",
    "turn",
    "input_response",
    "permission_mode",
    "cancel",
  ]);
});

test("each request has one line in the log, without its body", async () => {
  const id = await made({ metadata: { secret: "never logged" } });
  await eventually(() =>
    expect(lines).toContainEqual(
      expect.objectContaining({
        msg: "request",
        method: "POST",
        route: "/sessions",
        status: 201,
        session: id,
      }),
    ),
  );
  expect(JSON.stringify(lines)).not.toContain("never logged");
});

test("what the server is, and whether it works, anybody may ask", async () => {
  const open = { authorization: "" };
  for (const path of ["/", "/health", "/ready", "/metrics"])
    expect((await call("GET", path, undefined, open)).status, path).toBe(200);
  expect((await call("GET", "/health", undefined, open)).json).toMatchObject({
    status: "ok",
    version: "test",
    sessions_active: expect.any(Number),
  });
  expect((await call("GET", "/metrics", undefined, open)).json).toMatch(
    /runner_relay_sessions_appends_total\{kind="turn"\} \d/,
  );
  expect(await call("GET", "/sessions", undefined, open)).toMatchObject({
    status: 401,
    json: { code: "inbound_unauthorized" },
  });
});
