import { afterAll, beforeAll, expect, test } from "vitest";
import { createRunnerFetch, readAddresses } from "../../../src/sessions/runner/index.ts";
import type { TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { serveHttp, type HttpServer } from "../../support/http-server.ts";
import { startPodRunner, type PodRunner } from "../../support/pod-runner.ts";
import { SESSIONS_KEY, startTestServe, type TestServe } from "../../support/serve.ts";
import { openSse } from "../../support/sse-reader.ts";
import { sessionsBroker } from "../session-log/harness.ts";
import { documentedCall } from "./documented.ts";

const TOKEN = "token-of-the-runner";

let broker: TestBroker;
let runner: PodRunner;
let elsewhere: HttpServer;
let serve: TestServe;
let call: TestServe["call"];
let token: string | undefined;
const lines: string[] = [];

beforeAll(async () => {
  broker = await sessionsBroker();
  elsewhere = await serveHttp((response) => response.end("{}"));
  runner = await startPodRunner(TOKEN, "/default/pod/", {
    tasks: (response) => response.writeHead(302, { location: elsewhere.url }).end(),
    "tasks/gone/output": (response) =>
      response.writeHead(404, { "content-type": "application/json" }).end("{}"),
    "tasks/text/output": (response) => response.writeHead(200, { "content-type": "text/html" }).end("<b>"),
    "tasks/cut/output": (response) =>
      void response.writeHead(200, { "content-length": "9" }).write("x", () => response.destroy()),
    "tasks/large/output": (response) => response.end(Buffer.alloc(5 * 1024 * 1024)),
    "mcp/status": (response) => response.writeHead(503).end(),
  });
  const addresses = readAddresses(`${runner.url}/{user}/{session}`);
  const send = createRunnerFetch({ addresses, token: async () => token, fetch });
  serve = await startTestServe(broker, {
    runners: { addresses, send },
    onLine: (line) => void lines.push(line),
  });
  call = documentedCall(serve);
  for (const id of ["pod", "Pod"]) await push(id);
  await call("POST", "/sessions", { session_id: "worked" });
});
afterAll(async () => {
  await serve?.[Symbol.asyncDispose]();
  await runner?.[Symbol.asyncDispose]();
  await elsewhere?.[Symbol.asyncDispose]();
  await broker?.[Symbol.asyncDispose]();
});

/** A pod pushes its first message, which makes its session. */
async function push(sessionId: string): Promise<void> {
  const path = "/ambient.v1.SessionService/PushSessionMessage";
  const message = { sessionId, eventType: "assistant", payload: "ready" };
  expect((await serve.call("POST", path, message)).status).toBe(200);
}

test.each([
  ["POST", "interrupt", { thread_id: "t" }, "interrupt"],
  ["POST", "feedback", { metaType: "thumbs_up" }, "feedback"],
  ["GET", "capabilities", undefined, "capabilities"],
  ["POST", "tasks/k-1/stop", {}, "tasks/k-1/stop"],
  ["GET", "tasks/k-1/output", undefined, "tasks/k-1/output"],
])(
  "%s %s is passed on with the session's token, and the answer comes back",
  async (method, ours, body, path) => {
    token = TOKEN;
    const answer = await call(method, `/sessions/pod/runner/${ours}`, body);
    expect(answer).toMatchObject({
      status: 200,
      json: { path, method, body: body === undefined ? "" : JSON.stringify(body) },
    });
    expect(answer.headers.get("set-cookie")).toBeNull();
    // the client's key is none of the runner's business
    expect(runner.got.at(-1)?.headers).not.toHaveProperty("authorization");
  },
);

test("without a token nothing is sent, and the runner's refusal does not take the client's key for wrong", async () => {
  token = undefined;
  const refused = { status: 502, json: { code: "runner_refused" } };
  expect(await call("GET", "/sessions/pod/runner/capabilities")).toMatchObject(refused);
  expect(runner.got.at(-1)?.headers).not.toHaveProperty("x-ambient-session-token");
  token = "wrong";
  expect(await call("GET", "/sessions/pod/runner/capabilities")).toMatchObject(refused);
});

test.each([
  ["tasks", 502, "runner_answer_invalid"],
  ["mcp", 502, "runner_failed"],
  ["tasks/large/output", 502, "runner_answer_invalid"],
  ["tasks/cut/output", 502, "runner_unreachable"],
])("the runner's bad answer to %s is named", async (ours, status, code) => {
  token = TOKEN;
  expect(await call("GET", `/sessions/pod/runner/${ours}`)).toMatchObject({ status, json: { code } });
  expect(elsewhere.got).toEqual([]);
});

test("a status for the client is passed on, and nothing that a browser would take for a page", async () => {
  token = TOKEN;
  expect((await serve.call("GET", "/sessions/pod/runner/tasks/gone/output")).status).toBe(404);
  const { headers } = await serve.call("GET", "/sessions/pod/runner/tasks/text/output");
  expect(headers.get("content-type")).toBe("text/plain; charset=utf-8");
  expect(headers.get("x-content-type-options")).toBe("nosniff");
});

test.each(["worked", "Pod"])("the session %s has no runner", async (id) => {
  const answer = await call("GET", `/sessions/${id}/runner/capabilities`);
  expect(answer).toMatchObject({ status: 404, json: { code: "runner_unknown" } });
});

test.each(["..", "%2e%2e", "a%2fb", "a?b", "x".repeat(201)])(
  "the task %s leads nowhere else",
  async (task) => {
    const before = runner.got.length;
    const { status } = await serve.call("GET", `/sessions/pod/runner/tasks/${task}/output`);
    expect([400, 404]).toContain(status);
    expect(runner.got.length).toBe(before);
  },
);

test("a stream is passed on until the runner ends it, or the client leaves", async () => {
  token = TOKEN;
  const url = `${serve.url}/sessions/pod/runner/tasks/live/output`;
  const key = { authorization: `Bearer ${SESSIONS_KEY}` };
  const stream = await openSse(url, key);
  expect(await stream.next()).toMatchObject([{ data: 1 }]);
  runner.endStream();
  expect(await stream.next()).toBeUndefined();
  const left = await openSse(url, key);
  expect(await left.next()).toMatchObject([{ data: 1 }]);
  left.close();
  await eventually(async () => {
    const { json } = await serve.call("GET", "/metrics");
    expect(json).toMatch(/watchers\{protocol="runner"\} 0/);
  });
});

test("no token is in the server's log", () => {
  expect(lines.join("\n")).not.toContain(TOKEN);
});
