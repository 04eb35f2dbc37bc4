import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { provisioned } from "../../support/relay.ts";
import {
  call,
  startScriptedRelay,
  startTestGateway,
  type ScriptedRelay,
  type TestGateway,
} from "./harness.ts";

/** What the gateway serves itself: `/` and everything below `/_relay`. */

let broker: TestBroker;
let gateway: TestGateway;
let relay: ScriptedRelay;
let url: string;

beforeAll(async () => {
  broker = await provisioned(await startTestBroker());
  gateway = await startTestGateway(broker);
  relay = await startScriptedRelay(broker);
  url = gateway.url();
});

afterAll(async () => {
  await relay?.[Symbol.asyncDispose]();
  await gateway?.close();
  await broker?.[Symbol.asyncDispose]();
});

test("health, readiness with every dependency by name, description, metrics", async () => {
  expect((await call(url, "GET", "/_relay/health/?x")).json).toEqual({
    status: "ok",
    version: "test",
    gateway: "gw1",
  });
  expect((await call(url, "GET", "/_relay/ready")).json).toEqual({
    ready: true,
    dependencies: {
      log: { state: "up" },
      relay: { state: "away", waiting: { events: 0, bytes: 0 } },
      coordinator: { state: "unknown" },
    },
    durability: "fsync",
  });
  const { json } = await call(url, "GET", "/_relay/openapi.json");
  expect(Object.keys(json["paths"] as object)).toContain("/sessions/{session_id}/events");
  await call(url, "POST", "/events", '{"session_id":"s-counted"}');
  await call(url, "POST", "/events", "");
  const metrics = await call(url, "GET", "/_relay/metrics");
  expect(metrics.headers["content-type"]).toMatch(/^text\/plain/);
  for (const line of [
    /^runner_relay_gateway_writes_accepted_total \d+$/m,
    /^runner_relay_gateway_refused_total{code="body_required"} \d+$/m,
    /^runner_relay_gateway_commit_writes_count{mode="singles"} \d+$/m,
  ]) {
    expect(metrics.text).toMatch(line);
  }
  expect((await call(url, "HEAD", "/_relay/health")).status).toBe(200);
});

test.each(["/", "/_relay", "/_relay/", "/?x=1"])("%s says what is here", async (path) => {
  const { status, json } = await call(url, "GET", path);
  expect(status).toBe(200);
  expect(json).toMatchObject({ service: "runner-relay gateway", gateway: "gw1", version: "test" });
  expect(json["writes"]).toContain("POST /events");
  const links = json["links"] as Record<string, string>;
  for (const name of ["openapi", "health", "ready", "metrics"])
    expect((await call(url, "GET", links[name] ?? "")).status, name).toBe(200);
  expect((await call(url, "HEAD", path)).status).toBe(200);
});

test("a receipt is asked of any relay; without one that is known at once", async () => {
  const none = await call(url, "GET", "/_relay/deliveries/e1?seq=4");
  expect(none).toMatchObject({ status: 503, json: { code: "relay_unavailable" } });
  expect(none.ms, "the broker says that nobody listens").toBeLessThan(2000); // the time-out of a question
  const questions: unknown[] = [];
  let receipt: unknown;
  relay.receipts((question) => {
    questions.push(question);
    return receipt;
  });
  const ask = async (it: unknown): Promise<{ status: number; json: object }> => {
    receipt = it;
    const { status, json } = await call(url, "GET", "/_relay/deliveries/e1?seq=4");
    return { status, json };
  };
  await expect
    .poll(() => ask({ state: "pending", seq: 4 }))
    .toEqual({ status: 200, json: { event_id: "e1", stream_seq: 4, state: "pending" } });
  expect(questions.at(-1)).toEqual({ id: "e1", seq: 4 });
  expect((await ask({ state: "dead", seq: 4, reason: "refused", status: 422 })).json).toMatchObject({
    state: "dead",
    reason: "refused",
    status: 422,
  });
  expect(await ask({ state: "gone" })).toMatchObject({ status: 410, json: { code: "receipt_gone" } });
  expect(await ask({ state: "unknown" })).toMatchObject({ status: 404, json: { code: "not_found" } });
  const unreadable = { status: 503, json: { code: "relay_unavailable" } };
  const many = Array.from({ length: 100_000 }, () => ({}));
  for (const it of [{ state: "new" }, null, 7, "dead", [], many, { state: "dead", reason: many }])
    expect(await ask(it)).toMatchObject(unreadable);
  expect(await ask({ state: "dead", reason: "x".repeat(100_000) })).toMatchObject(unreadable);
  expect((await call(url, "GET", "/_relay/deliveries/e1")).json).toMatchObject({
    status: 400,
    code: "field_missing",
  });
});
