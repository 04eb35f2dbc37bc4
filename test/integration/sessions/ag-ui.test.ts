import { HttpAgent, type BaseEvent } from "@ag-ui/client";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Agent } from "../../../src/agents/agent.ts";
import { startWorker, type Worker } from "../../../src/worker/worker.ts";
import { sessionReader } from "../../support/agui-client.ts";
import { histories, pushed } from "../../support/agui-histories.ts";
import { anyFolder } from "../../support/agent-home.ts";
import type { TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { SESSIONS_KEY, startTestServe, type TestServe } from "../../support/serve.ts";
import { podClient } from "../../support/pod-client.ts";
import { openSse } from "../../support/sse-reader.ts";
import { sessionsBroker, workerHome } from "../session-log/harness.ts";

/** A run as the runner of pods pushes it: names with underscores, and nulls. */
const SAMPLE = [
  { event_type: "RUN_STARTED", data: { thread_id: "s", run_id: "r1", parent_run_id: null, input: null } },
  { event_type: "TEXT_MESSAGE_START", data: { message_id: "m-1", role: "assistant" } },
  { event_type: "TEXT_MESSAGE_CONTENT", data: { message_id: "m-1", delta: "Hi" } },
  { event_type: "TEXT_MESSAGE_END", data: { message_id: "m-1" } },
  { event_type: "RUN_FINISHED", data: { thread_id: "s", run_id: "r1", result: null } },
].map(({ event_type, data }) => ({
  event_type,
  payload: JSON.stringify({ type: event_type, timestamp: null, raw_event: null, ...data }),
}));

let broker: TestBroker;
let serve: TestServe;
let worker: Worker;
const stop = new AbortController();
const BEARER = { authorization: `Bearer ${SESSIONS_KEY}` };

/** Works for a while, asks, and says what it heard. Does as its user says. */
const scripted: Agent = {
  async run({ request }, events, signal) {
    const said = String(request["user_input"]);
    if (said === "fail") throw new Error("no luck");
    events.piece("thinking", "0", "hm");
    events.piece("text", "1", "I ");
    events.piece("text", "1", `heard ${said}`);
    events.tell("tool_call", { id: "c1", name: "Bash", input: { command: "ls" } });
    events.tell("tool_result", { tool_use_id: "c1", content: "a\r\nb", is_error: false });
    if (said === "ask") events.piece("text", "2", String((await events.ask({ tool: "rm" })).allow));
    if (said === "wait") await new Promise((resolve) => signal.addEventListener("abort", resolve));
    return { outcome: "finished", data: { result_text: "done" } };
  },
};

beforeAll(async () => {
  broker = await sessionsBroker();
  serve = await startTestServe(broker);
  const home = await workerHome(broker, stop.signal);
  worker = startWorker(home, { name: "w1", ...anyFolder(scripted), maxBytes: 64 * 1024 * 1024 });
});
afterAll(async () => {
  await worker?.stop();
  stop.abort();
  await serve?.close();
  await broker?.[Symbol.asyncDispose]();
});

const address = (id: string, what: "run" | "events"): string => `${serve.url}/sessions/${id}/agui/${what}`;

async function made(id: string): Promise<string> {
  expect((await serve.call("POST", "/sessions", { session_id: id })).status).toBe(201);
  return id;
}

function agentFor(id: string): HttpAgent {
  return new HttpAgent({ url: address(id, "run"), headers: BEARER, threadId: id });
}

/** Asks for a run as a person, and gives its events. */
async function ask(agent: HttpAgent, content: string, runId?: string): Promise<BaseEvent[]> {
  const events: BaseEvent[] = [];
  agent.addMessage({ id: `u-${agent.messages.length}`, role: "user", content });
  await agent.runAgent(runId === undefined ? {} : { runId }, {
    onEvent: ({ event }) => void events.push(event),
  });
  return events;
}

async function lastOf(id: string): Promise<number> {
  return (await serve.call("GET", `/sessions/${id}/events?after=latest`)).json.last;
}

describe("the official client", () => {
  test("runs turns, and its messages are those of everybody who reads the session", async () => {
    const agent = agentFor(await made("runs"));
    const first = await ask(agent, "hello");
    expect(first.map(({ type }) => type).filter((type) => type.startsWith("RUN_"))).toEqual([
      "RUN_STARTED",
      "RUN_FINISHED",
    ]);
    await ask(agent, "again");
    expect(agent.messages.map(({ role }) => role)).toEqual([
      "user",
      "reasoning",
      "assistant",
      "tool",
      "user",
      "reasoning",
      "assistant",
      "tool",
    ]);
    expect(agent.messages[2]).toMatchObject({
      content: "I heard hello",
      toolCalls: [{ function: { name: "Bash" } }],
    });
    const last = await lastOf("runs");
    const reader = sessionReader(address("runs", "events"), SESSIONS_KEY);
    await reader.readTo(last);
    expect(reader.messages()).toEqual(agent.messages);
    await reader.readTo(last, "", { "last-event-id": String(last) }); // comes back, and has nothing twice
    expect(reader.messages()).toEqual(agent.messages);
  });

  test("a run that fails is a RUN_ERROR", async () => {
    const events = await ask(agentFor(await made("fails")), "fail");
    expect(events.at(-1)).toMatchObject({ type: "RUN_ERROR", message: "no luck" });
  });

  test("TURN-1: the same runId is the same run", async () => {
    const id = await made("once");
    const one = await ask(agentFor(id), "hello", "r1");
    const two = await ask(agentFor(id), "hello", "r1");
    expect(two).toEqual(one);
    expect((await serve.call("GET", `/sessions/${id}/turns`)).json.turns).toHaveLength(1);
  });

  test("reads what agents outside pushed, over HTTP, from random cursors", async () => {
    let count = 0;
    const property = fc.asyncProperty(
      histories,
      fc.double({ min: 0, max: 1, noNaN: true }),
      async (history, at) => {
        const id = `pushed-${count++}`;
        const events = [
          pushed("assistant", "first"),
          ...history.filter(({ source }) => source === "push"),
        ].slice(0, 100);
        await made(id);
        const body = { events: events.map(({ kind: type, data }) => ({ type, data })) };
        const stored = await serve.call("POST", `/sessions/${id}/events`, body);
        expect(stored.status).toBe(200);
        const places: number[] = stored.json.events.map(({ seq }: { seq: number }) => seq);
        const [last, after] = [places.at(-1) ?? 0, places[Math.floor(at * (places.length - 1))] ?? 0];
        const url = address(id, "events");
        const [whole, fresh] = [sessionReader(url, SESSIONS_KEY), sessionReader(url, SESSIONS_KEY)];
        await whole.readTo(last);
        await fresh.readTo(last, `?after=${after}`);
        expect(fresh.messages()).toEqual(whole.messages());
      },
    );
    await fc.assert(property, { numRuns: 25 });
  });
});

test("a run is asked for without waiting for it, and its question is answered", async () => {
  const id = await made("asks");
  const input = {
    thread_id: "t",
    run_id: "r1",
    messages: [{ id: "u", role: "user", content: [{ type: "text", text: "ask" }] }],
    state: null,
  };
  const asked = await serve.call("POST", `/sessions/${id}/agui/run`, input);
  expect(asked).toMatchObject({ status: 200, json: { runId: "r1", threadId: id } });
  const stream = await openSse(address(id, "events"), BEARER);
  const events = await stream.until(({ name }) => name === "permission_request");
  const { value } = events.at(-1)?.data ?? {};
  const { request_id } = value as { request_id: string };
  await serve.call("POST", `/sessions/${id}/permissions/${request_id}`, { allow: true });
  const rest = await stream.until(({ type }) => type === "RUN_FINISHED");
  expect(rest.map(({ data }) => data["delta"])).toContain("true");
  stream.close();
});

test("what comes between runs reaches the stream, in a run of its own", async () => {
  const id = await made("between");
  const stream = await openSse(address(id, "events"), BEARER);
  await stream.until(({ type }) => type === "RUN_FINISHED");
  await serve.call("POST", `/sessions/${id}/events`, {
    type: "CUSTOM",
    data: { name: "task:started", value: { task_id: "k" } },
  });
  const events = await stream.until(({ type }) => type === "RUN_FINISHED");
  expect(events.map(({ data }) => data["type"])).toEqual(["RUN_STARTED", "CUSTOM", "RUN_FINISHED"]);
  expect(events.map((it) => it.id !== undefined)).toEqual([false, false, true]);
  stream.close();
});

test("nobody outside ends a turn, asks for a permission or speaks for a person", async () => {
  const id = await made("held");
  await serve.call("POST", `/sessions/${id}/agui/run`, {
    runId: "r1",
    messages: [{ role: "user", content: "wait" }],
  });
  const stream = await openSse(address(id, "events"), BEARER);
  await stream.until(({ type }) => type === "TOOL_CALL_RESULT");
  for (const [type, data] of [
    ["RUN_FINISHED", { runId: "r1" }],
    ["RUN_ERROR", { message: "x" }],
    ["CUSTOM", { name: "permission_request", value: {} }],
    ["TEXT_MESSAGE_START", { messageId: "m", role: "user" }],
  ])
    expect((await serve.call("POST", `/sessions/${id}/events`, { type, data })).status).toBe(200);
  for (const type of ["turn_ended", "permission_request", "gap", "closed"])
    expect((await serve.call("POST", `/sessions/${id}/events`, { type })).status).toBe(400);
  const events = await stream.until(({ messageId }) => messageId === "m");
  expect(events.map(({ data }) => [data["type"], data["role"]])).toEqual([
    ["RAW", undefined],
    ["RAW", undefined],
    ["RAW", undefined],
    ["TEXT_MESSAGE_START", "assistant"],
  ]);
  await serve.call("POST", `/sessions/${id}/turns/r1/cancel`);
  const rest = await stream.until(({ type }) => type === "RUN_FINISHED");
  expect(rest.at(-1)?.data).toMatchObject({ runId: "r1", outcome: { type: "cancelled" } });
  stream.close();
});

test("an agent outside gets the input of a run as it came, and what it pushes is the run", async () => {
  const pod = podClient(serve.url);
  await pod.push("a-pod", "system", "ready");
  const watch = pod.watch("a-pod");
  const running = ask(agentFor("a-pod"), "hello", "r1");
  const input = (await watch.first(2))[1];
  expect(input).toMatchObject({ event_type: "user" });
  expect(JSON.parse(input?.payload ?? "")).toMatchObject({ runId: "r1", messages: [{ content: "hello" }] });
  for (const { event_type, payload } of SAMPLE) await pod.push("a-pod", event_type, payload);
  const events = await running;
  expect(events.map(({ type }) => type)).toEqual([
    "RUN_STARTED",
    "TEXT_MESSAGE_START",
    "TEXT_MESSAGE_CONTENT",
    "TEXT_MESSAGE_END",
    "RUN_FINISHED",
  ]);
  watch.cancel();
  pod.close();
});

test("a cursor of another log is a reset, and a session that is deleted ends its streams for good", async () => {
  const id = await made("gone");
  const foreign = await openSse(`${address(id, "events")}?after=5.otherlog`, BEARER);
  const reset = await foreign.until(({ name }) => name === "reset");
  expect(reset[0]?.data["type"]).toBe("RUN_STARTED");
  await serve.call("DELETE", `/sessions/${id}`);
  const last = await foreign.until(({ type }) => type === "RUN_ERROR");
  expect(last.at(-1)?.data).toMatchObject({ code: "session_deleted" });
  expect(await foreign.next()).toBeUndefined();
  await eventually(async () => {
    expect((await serve.call("GET", `/sessions/${id}/agui/events`)).status).toBe(404);
  });
});

test.each([
  [{}, 400, "field_missing"],
  [{ messages: [] }, 400, "field_invalid"],
  [{ messages: [{ role: "assistant", content: "x" }] }, 400, "field_invalid"],
  [{ messages: "x" }, 400, "field_invalid"],
  [{ messages: [{ role: "user", content: "x" }], runId: "" }, 400, "field_invalid"],
  [{ messages: [{ role: "user", content: "x" }], runId: "ü" }, 400, "field_invalid"],
  [{ messages: [{ role: "user", content: "x" }], resume: [{ interruptId: "i" }] }, 400, "field_invalid"],
  [{ messages: [{ role: "user", content: "x".repeat(970 * 1024) }] }, 413, "body_too_large"],
  ["[]", 400, "body_not_object"],
])("the input %# of a run is refused", async (body, status, code) => {
  const id = "inputs";
  await serve.call("POST", "/sessions", { session_id: id });
  expect(await serve.call("POST", `/sessions/${id}/agui/run`, body)).toMatchObject({
    status,
    json: { code },
  });
  expect((await serve.call("GET", `/sessions/${id}/turns`)).json.turns).toEqual([]);
  expect((await serve.call("GET", `/sessions/${id}/agui/events?after=x`)).json).toMatchObject({
    code: "cursor_invalid",
  });
});
