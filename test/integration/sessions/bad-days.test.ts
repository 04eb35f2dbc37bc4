import { jetstreamManager } from "@nats-io/jetstream";
import { expect, test } from "vitest";
import { provisionSessions } from "../../../src/shared/session-log/provision.ts";
import { eventually } from "../../support/eventually.ts";
import { startTestServe } from "../../support/serve.ts";
import { sessionsBroker } from "../session-log/harness.ts";

test("while the log is away nothing is acknowledged; what was acknowledged is there when it is back", async () => {
  await using broker = await sessionsBroker();
  await using serve = await startTestServe(broker);
  const { session_id: id } = (await serve.call("POST", "/sessions", {})).json;
  const ask = (turn: string) =>
    serve.call("POST", `/sessions/${id}/turns`, { user_input: "x", client_turn_id: turn });
  const before = await ask("before");
  await broker.kill9();
  await eventually(async () => expect((await serve.call("GET", "/ready")).status).toBe(503));
  const away = await Promise.all([
    ask("away"),
    serve.call("POST", "/sessions", { session_id: "away" }),
    serve.call("GET", `/sessions/${id}/events`),
    serve.call("GET", "/sessions"),
  ]);
  for (const { status, json, headers } of away) {
    expect({ status, code: json.code }).toEqual({ status: 503, code: "log_unreachable" });
    expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
  }
  expect(await serve.call("GET", "/health")).toMatchObject({ status: 200, json: { sessions_active: null } });
  await broker.restart();
  await eventually(async () => expect((await serve.call("GET", "/ready")).status).toBe(200));
  const again = await ask("away");
  expect(again.status).toBe(202);
  expect((await ask("before")).json).toMatchObject({ seq: before.json.seq, repeated: true });
  const { json } = await serve.call("GET", `/sessions/${id}/events`);
  expect(json.events.map(({ turn_id }: { turn_id?: string }) => turn_id)).toEqual([
    undefined,
    "before",
    "away",
  ]);
  expect(serve.fatal).toEqual([]);
});

test("in a full log nothing new is accepted, and what ends something still is", async () => {
  await using broker = await sessionsBroker();
  await using serve = await startTestServe(broker);
  const { session_id: id } = (await serve.call("POST", "/sessions", { prompt: "x" })).json;
  const push = () => serve.call("POST", `/sessions/${id}/events`, { type: "note" });
  const ask = () => serve.call("POST", `/sessions/${id}/turns`, { user_input: "x" });
  const { turn_id: turn } = (await ask()).json;
  const admin = await jetstreamManager(await broker.connect("admin"));
  const { max_bytes } = (await admin.streams.info("RR_SESSIONS")).config;
  await admin.streams.update("RR_SESSIONS", { max_bytes: 16 * 1024 * 1024 });
  await eventually(async () =>
    expect(await push()).toMatchObject({ status: 429, json: { code: "sessions_full" } }),
  );
  for (const [path, body] of [
    ["/sessions", {}],
    [`/sessions/${id}/turns`, { user_input: "x" }],
    [`/sessions/${id}/input`, { response: 1 }],
  ] as const)
    expect(await serve.call("POST", path, body), path).toMatchObject({
      status: 429,
      json: { code: "sessions_full" },
    });
  expect(await serve.call("GET", "/ready")).toMatchObject({
    status: 503,
    json: { dependencies: { log: { state: "full" } } },
  });
  expect((await serve.call("POST", `/sessions/${id}/turns/${turn}/cancel`)).status).toBe(202);
  await admin.streams.update("RR_SESSIONS", { max_bytes });
  await eventually(async () => expect((await push()).status).toBe(200));
  expect((await ask()).status).toBe(202);
});

test("a cursor of a log that is gone is refused, so that nobody reads the new one as if it went on", async () => {
  await using broker = await sessionsBroker();
  await using serve = await startTestServe(broker);
  const { session_id: id } = (await serve.call("POST", "/sessions", { prompt: "x" })).json;
  const { next } = (await serve.call("GET", `/sessions/${id}/events`)).json;
  expect(await serve.call("GET", `/sessions/${id}/events?after=${next}`)).toMatchObject({ status: 200 });
  const admin = await broker.connect("admin");
  await (await jetstreamManager(admin)).streams.delete("RR_SESSIONS");
  await provisionSessions(admin, { replicas: 1, isNew: true });
  await eventually(async () =>
    expect(await serve.call("GET", `/sessions/${id}/events?after=${next}`)).toMatchObject({
      status: 410,
      json: { code: "cursor_foreign" },
    }),
  );
});
