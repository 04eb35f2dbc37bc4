import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { createMcpApp } from "../../../src/mcp/http.ts";
import { createAsk } from "../../../src/mcp/orchestrator/ask.ts";
import { orchestratorTools } from "../../../src/mcp/orchestrator/tools.ts";
import { systemClock } from "../../../src/shared/base/clock.ts";
import { startCoordinator, type TestCoordinator } from "../../support/coordinator.ts";
import { callTool, connectHttp } from "./clients.ts";

// The seven tools, by the official client over HTTP, at a coordinator that comes and goes.

const TOKEN = "token-of-the-tools-test";
const clock = systemClock;
let coordinator: TestCoordinator;
let url: string;
const ignored: string[] = [];
let close: () => Promise<void>;

beforeAll(async () => {
  coordinator = await startCoordinator();
  const ask = createAsk({ url: coordinator.url, token: undefined, clock, againMs: 20 });
  const tools = orchestratorTools({ ask, clock, timeoutMs: 120_000, againMs: 20 });
  const app = createMcpApp({
    parts: { tools, version: "1" },
    clock,
    token: TOKEN,
    listen: "127.0.0.1",
    ignored: (name) => void ignored.push(name),
  });
  url = `${await app.listen({ host: "127.0.0.1", port: 0 })}/mcp`;
  close = () => app.close();
});
afterAll(async () => {
  await close();
  await coordinator[Symbol.asyncDispose]();
});
beforeEach(() => coordinator.faults.clear());

async function client(headers: Record<string, string> = {}, age: "legacy" | "auto" = "legacy") {
  const connected = await connectHttp(url, { token: TOKEN, headers, age });
  onTestFinished(() => connected.close());
  return connected;
}

/** The run that was asked for last, once it is there. */
async function newestRun(before: number): Promise<{ run_id: string; session_id: string }> {
  await expect.poll(() => coordinator.state.runs.list().length).toBeGreaterThan(before);
  const run = coordinator.state.runs.list().at(-1);
  if (run === undefined) throw new Error("no run");
  return run;
}

function finish({ run_id, session_id }: { run_id: string; session_id: string }, text: string): void {
  const { state } = coordinator;
  state.sessions.addEvent(session_id, {
    session_id,
    event_type: "result",
    timestamp: "t",
    result_text: text,
  });
  state.setStatus(session_id, "finished");
  const run = state.runs.get(run_id);
  if (run !== undefined) state.runs.setStatus(run, "completed");
}

const NAMES = [
  "list_agent_blueprints",
  "list_agent_sessions",
  "start_agent_session",
  "resume_agent_session",
  "get_agent_session_status",
  "get_agent_session_result",
  "delete_all_agent_sessions",
];

describe.each(["legacy", "auto"] as const)("a client of the protocol's age %s", (age) => {
  test("sees the seven tools with the original's parameters", async () => {
    const { tools } = await (await client({}, age)).listTools();
    expect(tools.map(({ name }) => name)).toEqual(NAMES);
    const start = tools.find(({ name }) => name === "start_agent_session");
    expect(Object.keys(start?.inputSchema.properties ?? {})).toEqual([
      "parameters",
      "agent_name",
      "project_dir",
      "mode",
    ]);
    expect(start?.inputSchema.required).toEqual(["parameters"]);
  });

  test("starts a session, waits for its result, resumes it, and lists it", async () => {
    const mcp = await client({}, age);
    const before = coordinator.state.runs.list().length;
    const starting = callTool(mcp, "start_agent_session", { parameters: { prompt: "hi" } });
    const run = await newestRun(before);
    finish(run, "done");
    const { session_id } = run;
    const expected = { session_id, result_text: "done", result_data: null };
    expect(await starting).toEqual({ value: expected, texts: [expected], isError: false });

    const status = await callTool(mcp, "get_agent_session_status", { session_id });
    expect(status.value).toEqual({ session_id, status: "finished" });
    const result = await callTool(mcp, "get_agent_session_result", { session_id });
    expect(result.value).toEqual(expected);

    const again = { session_id, parameters: { prompt: "more" }, mode: "async_poll" };
    expect((await callTool(mcp, "resume_agent_session", again)).value).toEqual({
      session_id,
      status: "pending",
    });
    const { texts, value } = await callTool(mcp, "list_agent_sessions");
    expect(value).toEqual({ result: texts });
    expect(texts).toContainEqual(expect.objectContaining({ session_id, status: "finished" }));
  });
});

test("agents are listed one text each", async () => {
  const mcp = await client();
  const { texts } = await callTool(mcp, "list_agent_blueprints");
  expect(texts).toMatchObject([{ name: "echo", type: "procedural", tags: [] }]);
});

test("a run carries the caller's session and demands, `executor_profile` and `executor_type` among them", async () => {
  const demands = { executor_profile: "best", executor_type: "autonomous", project_dir: "/p" };
  const mcp = await client({
    "X-Agent-Session-Id": "ses_parent",
    "X-Additional-Demands": JSON.stringify(demands),
  });
  const before = coordinator.state.runs.list().length;
  await callTool(mcp, "start_agent_session", { parameters: { prompt: "p" }, mode: "async_callback" });
  await newestRun(before);
  expect(JSON.parse(coordinator.writes().at(-1)?.body ?? "")).toEqual({
    type: "start_session",
    parameters: { prompt: "p" },
    project_dir: "/p",
    parent_session_id: "ses_parent",
    execution_mode: "async_callback",
    additional_demands: demands,
  });
});

test("demands that are no JSON are ignored, which is said", async () => {
  const mcp = await client({ "X-Additional-Demands": "{" });
  await callTool(mcp, "start_agent_session", { parameters: { prompt: "p" }, mode: "async_poll" });
  expect(JSON.parse(coordinator.writes().at(-1)?.body ?? "")).not.toHaveProperty("additional_demands");
  expect(ignored).toContain("x-additional-demands");
});

test("a `sync` call lives through an outage, and tells of it", async () => {
  const mcp = await client();
  const before = coordinator.state.runs.list().length;
  const said: string[] = [];
  const starting = callTool(mcp, "start_agent_session", { parameters: { prompt: "p" } }, ({ message }) =>
    said.push(message ?? ""),
  );
  const run = await newestRun(before);
  await expect.poll(() => said).toContain("the run is pending");
  await coordinator.stop();
  await expect.poll(() => said.some((text) => text.startsWith("the coordinator is away"))).toBe(true);
  finish(run, "after the outage");
  await coordinator.start();
  expect((await starting).value).toMatchObject({ result_text: "after the outage" });
});

test("a start whose answer was lost is not repeated; one that was not carried out is", async () => {
  const mcp = await client();
  const args = { parameters: { prompt: "p" }, mode: "async_poll" };
  const reset = { kind: "reset", at: "before_head" } as const;
  coordinator.faults.set([{ method: "POST", path: "^/runs$", times: 1, apply: true, action: reset }]);
  const before = coordinator.state.runs.list().length;
  const lost = await callTool(mcp, "start_agent_session", args);
  expect(lost).toMatchObject({ isError: true, texts: [{ error: expect.stringContaining("may have been") }] });
  expect(coordinator.state.runs.list()).toHaveLength(before + 1);

  const limited = { kind: "status", status: 429 } as const;
  coordinator.faults.set([{ method: "POST", path: "^/runs$", times: 2, action: limited }]);
  expect(await callTool(mcp, "start_agent_session", args)).toMatchObject({ isError: false });
  expect(coordinator.state.runs.list()).toHaveLength(before + 2);
});

test("refusals and wrong arguments are results that say why", async () => {
  const mcp = await client();
  const unknown = await callTool(mcp, "resume_agent_session", { session_id: "no", parameters: {} });
  expect(unknown).toMatchObject({ isError: true, texts: [{ error: expect.stringContaining("404") }] });
  const status = await callTool(mcp, "get_agent_session_status", { session_id: "no" });
  expect(status.value).toEqual({ session_id: "no", status: "not_existent" });
  const wrong = await callTool(mcp, "start_agent_session", { parameters: "text" });
  expect(wrong).toMatchObject({ isError: true, texts: [{ error: expect.stringContaining("parameters") }] });
  const nothing = await callTool(mcp, "no_such_tool");
  expect(nothing.isError).toBe(true);
});

test.each([
  ["cancelled", "auto"],
  ["left by its client", "legacy"],
] as const)("a call that is %s stops looking", async (how, age) => {
  const mcp = await client({}, age);
  const before = coordinator.state.runs.list().length;
  const cancel = new AbortController();
  const params = { name: "start_agent_session", arguments: { parameters: { prompt: "p" } } };
  const starting = mcp.callTool(params, { signal: cancel.signal });
  const looked = (): number => coordinator.ledger().filter(({ path }) => path.startsWith("/runs/")).length;
  await newestRun(before);
  const first = looked();
  await expect.poll(looked).toBeGreaterThan(first);
  if (how === "cancelled") cancel.abort();
  else await mcp.close();
  await expect(starting).rejects.toThrow();
  // a look that was under way may still arrive; then there are none
  let last = -1;
  await expect.poll(() => last === (last = looked())).toBe(true);
});

test("a thousand calls at once are all answered", async () => {
  const mcp = await client();
  const calls = Array.from({ length: 1000 }, () =>
    callTool(mcp, "get_agent_session_status", { session_id: "no" }),
  );
  const failed = (await Promise.all(calls)).filter(({ isError }) => isError);
  expect(failed).toEqual([]);
});

test("all sessions are deleted, also those that were gone already", async () => {
  const mcp = await client();
  const there = coordinator.state.sessions.list().length;
  expect(there).toBeGreaterThan(0);
  const { value } = await callTool(mcp, "delete_all_agent_sessions");
  expect(value).toEqual({ deleted_count: there });
  expect((await callTool(mcp, "list_agent_sessions")).texts).toEqual([]);
});

test.each([
  ["without the token", {}, 401],
  ["with another one", { authorization: "Bearer another-token-of-16" }, 401],
  ["under a foreign name", { authorization: `Bearer ${TOKEN}`, host: "evil.example" }, 403],
  ["from a web page", { authorization: `Bearer ${TOKEN}`, origin: "https://evil.example" }, 403],
])("nobody gets in %s", async (_, headers, status) => {
  const { request } = await import("node:http");
  const answered = new Promise<number | undefined>((done, fail) => {
    const sent = request(url, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
    });
    sent.once("response", (response) => done(response.resume().statusCode));
    sent.once("error", fail).end(JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" }));
  });
  expect(await answered).toBe(status);
});
