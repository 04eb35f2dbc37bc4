import { request } from "node:http";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TestBroker } from "../../support/broker.ts";
import { SESSIONS_KEY, startTestServe, type TestServe } from "../../support/serve.ts";
import { sessionsBroker } from "../session-log/harness.ts";
import { documentedCall } from "./documented.ts";

let broker: TestBroker;
let serve: TestServe;
let call: TestServe["call"];
let id: string;

beforeAll(async () => {
  broker = await sessionsBroker();
  serve = await startTestServe(broker);
  call = documentedCall(serve);
  ({ session_id: id } = (await call("POST", "/sessions", {})).json);
});
afterAll(async () => {
  await serve?.close();
  await broker?.[Symbol.asyncDispose]();
});

const deep = `{"user_input":"x","context":${"[".repeat(80)}${"]".repeat(80)}}`;

test.each([
  ["nothing", undefined, 400, "body_required"],
  ["no JSON", "{", 400, "body_invalid_json"],
  ["no object", "[1]", 400, "body_not_object"],
  [
    "bytes that are no UTF-8",
    new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
    400,
    "body_invalid_json",
  ],
  ["a byte order mark", "\ufeff{}", 400, "body_invalid_json"],
  ["too deep", deep, 400, "body_too_deep"],
  ["no input", {}, 400, "field_missing"],
  ["an empty input", { user_input: "" }, 400, "field_invalid"],
  ["a number as input", { user_input: 1 }, 400, "field_invalid"],
  ["an id with a line end", { user_input: "x", client_turn_id: "a\nb" }, 400, "field_invalid"],
  ["an id of 129 characters", { user_input: "x", client_turn_id: "a".repeat(129) }, 400, "field_invalid"],
  ["an unknown choice", { user_input: "x", when_busy: "perhaps" }, 400, "field_invalid"],
  ["no object as context", { user_input: "x", context: [] }, 400, "field_invalid"],
  ["no iterations", { user_input: "x", max_iterations: 0 }, 400, "field_invalid"],
  ["more than one event may have", { user_input: "x".repeat(960 * 1024) }, 413, "body_too_large"],
  ["more than a body may have", { user_input: "x".repeat(4 * 1024 * 1024) }, 413, "body_too_large"],
])("a turn of %s is refused, and nothing of it is stored", async (_, body, status, code) => {
  const before = (await call("GET", `/sessions/${id}/events`)).json.last;
  const answer = await call("POST", `/sessions/${id}/turns`, body);
  expect(answer).toMatchObject({ status, json: { code, detail: expect.any(String), status } });
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
  expect((await call("GET", `/sessions/${id}/events`)).json.last).toBe(before);
});

test("the largest turn that fits is stored", async () => {
  const { session_id: own } = (await call("POST", "/sessions", {})).json;
  const user_input = "x".repeat(960 * 1024 - '{"user_input":""}'.length);
  expect((await call("POST", `/sessions/${own}/turns`, { user_input })).status).toBe(202);
  const { json } = await call("GET", `/sessions/${own}/events`);
  expect(json.events.at(-1).data.user_input).toHaveLength(user_input.length);
});

test.each([
  ["text/plain", {}],
  ["application/json; charset=latin1", {}],
  ["application/json", { "content-encoding": "gzip" }],
])("a body of %s %j is refused", async (type, more) => {
  const answer = await call("POST", `/sessions/${id}/turns`, "{}", { "content-type": type, ...more });
  expect(answer).toMatchObject({ status: 415, json: { code: "media_type_unsupported" } });
});

test.each([
  ["after=-1", 400, "cursor_invalid"],
  ["after=x", 400, "cursor_invalid"],
  ["after=1e3", 400, "cursor_invalid"],
  ["after=99999999999999999999", 400, "cursor_invalid"],
  ["before=-1", 400, "cursor_invalid"],
  ["after=1000000", 410, "cursor_foreign"],
  ["after=1.otherlog", 410, "cursor_foreign"],
  ["before=1000000", 410, "cursor_foreign"],
  ["after=1&after=2", 400, "field_invalid"],
  ["after=1&before=2", 400, "field_invalid"],
  ["limit=0", 400, "field_invalid"],
  ["limit=-1", 400, "field_invalid"],
  ["limit=many", 400, "field_invalid"],
])("events with %s are refused", async (query, status, code) => {
  expect(await call("GET", `/sessions/${id}/events?${query}`)).toMatchObject({ status, json: { code } });
});

test("a limit that is too large is the largest one", async () => {
  expect((await call("GET", `/sessions/${id}/events?limit=100000`)).status).toBe(200);
});

test.each(["a/b", "..", ".", "a\u0000b", "\u2028", "x".repeat(201), "ü".repeat(70), "", "\ud800"])(
  "no session gets the id %j",
  async (session_id) => {
    const { status, json } = await call("POST", "/sessions", { session_id });
    expect(status).toBe(400);
    expect(["session_id_invalid", "field_invalid"]).toContain(json.code);
  },
);

test.each(["a.b", "ü ö", "%2F", "x".repeat(200), "-", "__proto__", "constructor", ">"])(
  "a session may have the id %j, and is found by it",
  async (session_id) => {
    expect((await call("POST", "/sessions", { session_id })).status).toBe(201);
    const path = `/sessions/${encodeURIComponent(session_id)}`;
    expect((await call("GET", path)).json.session_id).toBe(session_id);
    expect((await call("POST", `${path}/turns`, { user_input: "x" })).status).toBe(202);
    expect((await call("GET", `${path}/events`)).json.events).toHaveLength(2);
  },
);

test.each(["a%2Fb", "..%2F..", "%00", "x".repeat(300), "nothing", "%F0%9F%98%80"])(
  "the id %s is of no session",
  async (other) => {
    for (const part of ["", "/events", "/turns"])
      expect(await call("GET", `/sessions/${other}${part}`)).toMatchObject({
        status: 404,
        json: { code: "session_unknown" },
      });
  },
);

test("a path that cannot be decoded, one that is not there, and one without this method", async () => {
  expect(await serve.call("GET", "/sessions/%zz")).toMatchObject({
    status: 400,
    json: { code: "request_malformed" },
  });
  expect(await call("GET", "/nothing")).toMatchObject({ status: 404, json: { code: "not_found" } });
  const { status, json, headers } = await call("DELETE", `/sessions/${id}/events`);
  expect({ status, code: json.code, allow: headers.get("allow") }).toEqual({
    status: 405,
    code: "method_not_allowed",
    allow: "GET, HEAD, POST",
  });
});

test("without the key no answer says what is there", async () => {
  for (const headers of [
    { authorization: "" },
    { authorization: "Bearer wrong" },
    { authorization: "", "x-api-key": "no" },
  ])
    for (const path of [
      "/sessions",
      `/sessions/${id}`,
      "/sessions/other",
      "/nothing",
      `/sessions/${id}/events`,
    ])
      expect(await serve.call("GET", path, undefined, headers), path).toMatchObject({
        status: 401,
        json: { code: "inbound_unauthorized" },
      });
});

test("metadata that is too large or too deep is refused, and the session stays as it was", async () => {
  let nested: unknown = 1;
  for (let i = 0; i < 20; i++) nested = { nested };
  for (const metadata of [{ text: "x".repeat(2048) }, { nested }]) {
    expect(await call("POST", "/sessions", { metadata })).toMatchObject({
      status: 400,
      json: { code: "field_invalid" },
    });
    expect(await call("PATCH", `/sessions/${id}`, { metadata })).toMatchObject({
      status: 400,
      json: { code: "field_invalid" },
    });
  }
  expect((await call("GET", `/sessions/${id}`)).json.metadata).toEqual({});
});

test("members that name prototypes are data like others", async () => {
  const body = '{"metadata":{"__proto__":{"a":1},"constructor":2}}';
  const { json } = await call("POST", "/sessions", body);
  expect(JSON.stringify(json.metadata)).toBe('{"__proto__":{"a":1},"constructor":2}');
  expect(({} as { a?: number }).a).toBeUndefined();
});

test("the sender of a large body without a key reads the refusal", async () => {
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const sent = request(`${serve.url}/sessions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
    });
    sent.on("response", (answer) => void text(answer).then(() => resolve(answer.statusCode)));
    sent.on("error", reject);
    sent.write("x".repeat(1024 * 1024));
    sent.end("x".repeat(1024 * 1024));
  });
  expect(status).toBe(401);
});

test("what is no HTTP is refused in words", async () => {
  const { port } = new URL(serve.url);
  const answerTo = async (bytes: string): Promise<string> => {
    const socket = connect(Number(port), "127.0.0.1");
    socket.write(bytes);
    return await text(socket);
  };
  expect(await answerTo("nonsense\r\n\r\n")).toContain('"code":"request_malformed"');
  expect(
    await answerTo(`GET / HTTP/1.1\r\nhost: localhost\r\nlong: ${"x".repeat(20_000)}\r\n\r\n`),
  ).toContain('"code":"headers_too_large"');
  const smuggled = `POST /sessions HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${SESSIONS_KEY}\r\ntransfer-encoding: gzip, chunked\r\nconnection: close\r\n\r\n0\r\n\r\n`;
  expect(await answerTo(smuggled)).toMatch(/framing_invalid|request_malformed/);
});

test("16 turns wait behind one, and their repeats are recognised all the same", async () => {
  const { session_id: own } = (await call("POST", "/sessions", {})).json;
  const ask = (turn: number) =>
    call("POST", `/sessions/${own}/turns`, { user_input: "x", client_turn_id: `t${turn}` });
  const first = await ask(0);
  for (let turn = 1; turn < 17; turn++) expect((await ask(turn)).status).toBe(202);
  const refused = await ask(17);
  expect(refused).toMatchObject({ status: 429, json: { code: "turns_full" } });
  expect(refused.headers.get("retry-after")).toBe("5");
  expect((await ask(0)).json).toEqual({ ...first.json, repeated: true });
  expect((await call("GET", `/sessions/${own}/turns?limit=5`)).json).toMatchObject({
    turns: [0, 1, 2, 3, 4].map((turn) => ({ turn_id: `t${turn}`, status: "queued" })),
    next: expect.any(Number),
  });
});

test("of turns that want to be alone and come at once, one is accepted", async () => {
  const { session_id: own } = (await call("POST", "/sessions", {})).json;
  const ask = (turn: number) =>
    call("POST", `/sessions/${own}/turns`, {
      user_input: "x",
      client_turn_id: `t${turn}`,
      when_busy: "reject",
    });
  const answers = await Promise.all([0, 1, 2, 3, 4, 5].map(ask));
  const accepted = answers.findIndex(({ status }) => status === 202);
  for (const [i, { status, json }] of answers.entries())
    if (i !== accepted) expect({ status, code: json.code }).toEqual({ status: 409, code: "turn_running" });
  expect((await ask(accepted)).json).toMatchObject({ turn_id: `t${accepted}`, repeated: true });
});
