import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { podClient, type PodClient, type Status } from "../../support/pod-client.ts";
import { SESSIONS_KEY, startTestServe, type TestServe } from "../../support/serve.ts";
import { openSse } from "../../support/sse-reader.ts";
import { sessionsBroker } from "../session-log/harness.ts";

let broker: TestBroker;
let serve: TestServe;
let pod: PodClient;

beforeAll(async () => {
  broker = await sessionsBroker();
  serve = await startTestServe(broker);
  pod = podClient(serve.url);
});
afterAll(async () => {
  pod?.close();
  await serve?.[Symbol.asyncDispose]();
  await broker?.[Symbol.asyncDispose]();
});

/** The status with which a call fails. */
async function failure(call: Promise<unknown>): Promise<Status> {
  return await call.then(
    () => ({ code: status.OK, details: "" }),
    (error: Status) => error,
  );
}

const MESSAGES = "/api/ambient/v1/sessions";
const BEARER = { authorization: `Bearer ${SESSIONS_KEY}` };

describe("gRPC", () => {
  test("a push makes the session, and a watch that waits for it gets the message", async () => {
    const watch = pod.watch("new");
    const payload = 'hello\n"quoted" \u{1F600}';
    const pushed = await pod.push("new", "assistant", payload);
    expect(pushed).toMatchObject({ session_id: "new", event_type: "assistant", payload });
    expect(await watch.first(1)).toEqual([pushed]);
    watch.cancel();
    expect(await watch.ended).toMatchObject({ code: status.CANCELLED });
    expect((await serve.call("GET", "/sessions/new")).json).toMatchObject({ kind: "pod" });
  });

  test("WATCH-1: a watch gives everything behind a place, then what comes", async () => {
    const pushed = [];
    for (let i = 0; i < 5; i++) pushed.push(await pod.push("five", "RUN_STARTED", `{"i": ${i}}`));
    const watch = pod.watch("five", pushed[1]?.seq);
    pushed.push(await pod.push("five", "system", ""));
    expect(await watch.first(4)).toEqual(pushed.slice(2));
    watch.cancel();
  });

  test("a repeat with the same key is the same message", async () => {
    const once = await pod.push("keyed", "assistant", "x", { key: "k 1" });
    expect(await pod.push("keyed", "assistant", "x", { key: "k 1" })).toEqual(once);
    expect(await pod.push("keyed", "assistant", "x", { key: "k 2" })).not.toEqual(once);
  });

  test.each([
    ["", "assistant", status.INVALID_ARGUMENT, "session_id is required"],
    ["s", "", status.INVALID_ARGUMENT, "event_type is required"],
    ["a/b", "assistant", status.INVALID_ARGUMENT, "session_id"],
    ["s", "turn_ended", status.INVALID_ARGUMENT, "not for agents outside"],
    ["s", "gap", status.INVALID_ARGUMENT, "not for agents outside"],
    ["s", "no-type", status.INVALID_ARGUMENT, "not for agents outside"],
  ])("a push to %j of type %j is refused", async (session, type, code, words) => {
    const refused = await failure(pod.push(session, type, "x"));
    expect(refused.code).toBe(code);
    expect(refused.details).toContain(words);
  });

  test("a message that is too large is refused at the push, and the watch goes on", async () => {
    const first = await pod.push("large", "assistant", "x".repeat(900 * 1024));
    for (const size of [980 * 1024, 4 * 1024 * 1024, 6 * 1024 * 1024])
      expect(await failure(pod.push("large", "assistant", "x".repeat(size)))).toMatchObject({
        code: status.RESOURCE_EXHAUSTED,
      });
    const last = await pod.push("large", "assistant", "y");
    const watch = pod.watch("large");
    expect(await watch.first(2)).toEqual([first, last]);
    watch.cancel();
  });

  test("a reader that stops for a while misses nothing", async () => {
    const watch = pod.watch("slow");
    watch.pause();
    const pushed = [];
    for (let i = 0; i < 40; i++) pushed.push(await pod.push("slow", "assistant", "x".repeat(100_000)));
    watch.resume();
    expect((await watch.first(40)).map(({ seq }) => seq)).toEqual(pushed.map(({ seq }) => seq));
    watch.cancel();
  });

  test("a deleted session is not there any more, for watches that are open too", async () => {
    await pod.push("gone", "assistant", "x");
    const watch = pod.watch("gone");
    await watch.first(1);
    await serve.call("DELETE", "/sessions/gone");
    expect(await watch.ended).toMatchObject({ code: status.NOT_FOUND });
    expect(await pod.watch("gone").ended).toMatchObject({ code: status.NOT_FOUND });
    expect(await failure(pod.push("gone", "assistant", "x"))).toMatchObject({ code: status.NOT_FOUND });
  });

  test("a watch with a deadline ends with it", async () => {
    const watch = pod.watch("never-there", 0, { deadline: Date.now() + 300 });
    expect(await watch.ended).toMatchObject({ code: status.DEADLINE_EXCEEDED });
  });

  test("a missing key and a wrong one are refused, but not for the health", async () => {
    for (const key of ["", "wrong"]) {
      using stranger = podClient(serve.url, { key });
      expect(await failure(stranger.push("new", "assistant", "x"))).toMatchObject({
        code: status.UNAUTHENTICATED,
      });
      expect(await stranger.watch("new").ended).toMatchObject({ code: status.UNAUTHENTICATED });
      expect(await stranger.call("health", "Check", {})).toEqual({ status: "SERVING" });
    }
    expect(await pod.call("health", "Check", { service: "ambient.v1.SessionService" })).toEqual({
      status: "SERVING",
    });
    expect(await failure(pod.call("health", "Check", { service: "x" }))).toMatchObject({
      code: status.NOT_FOUND,
    });
  });

  test("of a worker's session there are whole texts, and a user message is a turn", async () => {
    await serve.call("POST", "/sessions", { session_id: "worked" });
    const asked = await pod.push("worked", "user", '{"messages":[{"role":"user","content":"do it"}]}');
    const turns = (await serve.call("GET", "/sessions/worked/turns")).json as { turns: { seq: number }[] };
    expect(turns.turns).toMatchObject([{ seq: Number(asked.seq), status: "queued" }]);
    const { json } = await serve.call("GET", `${MESSAGES}/worked/messages`);
    expect(json).toMatchObject([{ event_type: "user", payload: "do it" }]);
  });
});

describe("JSON and gRPC-Web, by the same handler", () => {
  const call = (
    method: string,
    body: string | Uint8Array,
    headers: Record<string, string>,
  ): Promise<Response> =>
    fetch(`${serve.url}/ambient.v1.SessionService/${method}`, {
      method: "POST",
      body: body as string,
      headers,
    });

  test("a push as JSON", async () => {
    const body = JSON.stringify({ sessionId: "json", eventType: "assistant", payload: "hi" });
    const answer = await call("PushSessionMessage", body, { ...BEARER, "content-type": "application/json" });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ sessionId: "json", payload: "hi", seq: expect.any(String) });
    const refused = await call("PushSessionMessage", body, { "content-type": "application/json" });
    expect(refused.status).toBe(401);
    expect(await refused.json()).toMatchObject({ code: "unauthenticated" });
  });

  test("a push as gRPC-Web", async () => {
    const field = (number: number, text: string): Buffer =>
      Buffer.concat([Buffer.from([(number << 3) | 2, text.length]), Buffer.from(text)]);
    const message = Buffer.concat([field(1, "web"), field(2, "assistant"), field(3, "hi")]);
    const head = Buffer.from([0, 0, 0, 0, message.length]);
    const type = { "content-type": "application/grpc-web+proto" };
    const body = Buffer.concat([head, message]);
    const answer = await call("PushSessionMessage", body, { ...BEARER, ...type });
    expect(Buffer.from(await answer.arrayBuffer()).toString("latin1")).toContain("grpc-status: 0");
    const refused = await call("PushSessionMessage", body, type);
    expect(refused.headers.get("grpc-status")).toBe(String(status.UNAUTHENTICATED));
  });
});

describe("the REST routes", () => {
  test("a list, and a message of a person", async () => {
    const pushed = await pod.push("rest", "assistant", "one");
    const posted = await serve.call("POST", `${MESSAGES}/rest/messages`, {
      event_type: "user",
      payload: "two",
    });
    expect(posted.status).toBe(201);
    const { json } = await serve.call("GET", `${MESSAGES}/rest/messages`);
    expect(json).toEqual([
      {
        id: pushed.id,
        session_id: "rest",
        seq: Number(pushed.seq),
        event_type: "assistant",
        payload: "one",
        created_at: expect.stringMatching(/Z$/) as string,
      },
      posted.json,
    ]);
    expect((await serve.call("GET", `${MESSAGES}/rest/messages?after_seq=${pushed.seq}`)).json).toEqual([
      posted.json,
    ]);
    const seq = (posted.json as { seq: number }).seq;
    expect((await serve.call("GET", `${MESSAGES}/rest/messages?after_seq=${seq}`)).json).toEqual([]);
  });

  test.each([
    ["GET", "unknown/messages", undefined, 404],
    ["POST", "unknown/messages", { event_type: "user", payload: "x" }, 404],
    ["POST", "rest/messages", { event_type: "assistant", payload: "x" }, 400],
    ["GET", "rest/messages?after_seq=-1", undefined, 400],
  ])("%s %s %j is %i", async (method, path, body, code) => {
    await pod.push("rest", "assistant", "x");
    expect((await serve.call(method, `${MESSAGES}/${path}`, body)).status).toBe(code);
  });

  test("WATCH-1: a stream, and back to it behind its last id", async () => {
    const [first, second] = [
      await pod.push("sse", "assistant", "1"),
      await pod.push("sse", "assistant", "2"),
    ];
    const url = `${serve.url}${MESSAGES}/sse/messages`;
    const stream = await openSse(url, BEARER);
    const events = await stream.until(({ payload }) => payload === "2");
    expect(events.map(({ id, data }) => [id, data["seq"]])).toEqual([
      [first.seq, Number(first.seq)],
      [second.seq, Number(second.seq)],
    ]);
    stream.close();
    const back = await openSse(`${url}?after_seq=0`, { ...BEARER, "last-event-id": first.seq });
    expect((await back.until(() => true)).map(({ id }) => id)).toEqual([second.seq]);
    back.close();
  });
});

describe("HTTP/2", () => {
  test("has the same routes and the same guards", async () => {
    const client = connectHttp2(serve.url);
    const ask = (head: Record<string, string>, body?: string): Promise<{ status: unknown; text: string }> => {
      const { promise, resolve, reject } = Promise.withResolvers<{ status: unknown; text: string }>();
      const stream = client.request({ ...BEARER, "content-type": "application/json", ...head });
      let text = "";
      let code: unknown;
      stream.on("response", (headers) => (code = headers[":status"]));
      stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
      stream.on("end", () => resolve({ status: code, text }));
      stream.on("error", reject);
      stream.end(body);
      return promise;
    };
    try {
      const made = await ask({ ":method": "POST", ":path": "/sessions" }, '{"session_id":"by-h2"}');
      expect(made.status).toBe(201);
      expect(await ask({ ":path": "/sessions/by-h2" })).toMatchObject({ status: 200 });
      expect(await ask({ ":path": "/sessions/by-h2", authorization: "Bearer wrong" })).toMatchObject({
        status: 401,
      });
      expect(await ask({ ":path": "/health", ":authority": "evil.example" })).toMatchObject({ status: 403 });
      expect(await ask({ ":method": "POST", ":path": "/sessions", authorization: "" }, "{}")).toMatchObject({
        status: 401,
      });
      const sse = client.request({
        ...BEARER,
        ":path": "/sessions/by-h2/events",
        accept: "text/event-stream",
      });
      let text = "";
      sse.on("data", (chunk: Buffer) => (text += chunk.toString()));
      await eventually(() => expect(text).toContain("caught_up"));
      sse.close();
      const watchers = async (): Promise<string> => (await serve.call("GET", "/metrics")).json as string;
      await eventually(async () => expect(await watchers()).toMatch(/watchers\{[^}]*"sse"[^}]*\} 0/));
    } finally {
      client.close();
    }
  });

  test("HTTP/1.1 is served as before when its first bytes come one by one", async () => {
    const socket = connect(Number(new URL(serve.url).port), "127.0.0.1");
    let text = "";
    socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
    for (const byte of "PUT /nothing HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
      socket.write(byte);
    await eventually(() => expect(text).toContain("HTTP/1.1 401"));
    socket.destroy();
  });
});
