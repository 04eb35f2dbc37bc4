import { afterAll, beforeAll, expect, test } from "vitest";
import type { Answer } from "../../../src/shared/messages/answer.ts";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { provisioned } from "../../support/relay.ts";
import {
  call,
  readLog,
  startScriptedRelay,
  startTestGateway,
  type ScriptedRelay,
  type TestGateway,
} from "./harness.ts";

/** Writes while relay and coordinator are healthy: whether the coordinator's answer is waited for, and for how long. */

/** The longest wait that can be asked for. An answer that comes before its end came for another reason. */
const LONG_MS = 20_000;
const LONG = { prefer: `wait=${LONG_MS / 1000}` };

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

const event = (session: string): Record<string, unknown> => ({
  session_id: session,
  event_type: "message",
  timestamp: "2026-11-21T01:41:39.761388+00:00",
});

const answer: Answer = {
  kind: "answer",
  status: 201,
  headers: [
    ["Content-Type", "application/json"],
    ["X-Coordinator", "yes"],
  ],
  body: Buffer.from('{"ok": true}'),
};
const nextSeq = async (): Promise<number> => ((await readLog(broker)).at(-1)?.seq ?? 0) + 1;
/** The gateway has heard that the coordinator is up. */
const shownUp = (): Promise<void> =>
  expect
    .poll(async () => (await call(url, "GET", "/_relay/ready")).json)
    .toMatchObject({ dependencies: { coordinator: { state: "up" } } });
const healthy = async (): Promise<void> => {
  relay.tell();
  await shownUp();
};

test("the executor gets the coordinator's own status, headers and body, and the relay hears that it was seen", async () => {
  await healthy();
  const seq = await nextSeq();
  const [reply, confirmed] = await Promise.all([
    call(url, "POST", "/events", event("s-wait")),
    relay.answer(answer, seq),
  ]);
  expect(reply).toMatchObject({ status: 201, text: '{"ok": true}', headers: { "x-coordinator": "yes" } });
  expect(confirmed).toBe("1");
});

test("an answer that cannot be handed out is no answer: the event is stored, and the next one is served", async () => {
  await healthy();
  const seq = await nextSeq();
  const [reply] = await Promise.all([
    call(url, "POST", "/events", event("s-broken")),
    relay.answer({ ...answer, headers: [["X-Broken", "a\u0000b"]] }, seq),
  ]);
  expect(reply).toMatchObject({ status: 202, json: { stream_seq: seq } });
});

test("a state that is not as it should be does not end the listening to states", async () => {
  relay.tell({ shards: null as unknown as [] });
  relay.tell();
  await healthy();
});

test("an executor that is gone has not seen it", async () => {
  await healthy();
  const seq = await nextSeq();
  const abort = new AbortController();
  const request = fetch(`${url}/events`, {
    method: "POST",
    body: JSON.stringify(event("s-gone")),
    headers: { "content-type": "application/json" },
    signal: abort.signal,
  });
  const gone = expect(request).rejects.toThrow();
  await expect.poll(async () => (await readLog(broker, seq)).length).toBe(1);
  abort.abort();
  await gone;
  await expect
    .poll(async () => (await call(url, "GET", "/_relay/metrics")).text)
    .toContain("waiting_requests 1");
  expect(await relay.answer(answer, seq)).toBe("0");
});

test("202 when the wait is over; Prefer: wait=N makes it another", async () => {
  await healthy();
  const reply = await call(url, "POST", "/events", event("s-over"), { prefer: "wait=1" });
  expect(reply).toMatchObject({ status: 202, headers: { "preference-applied": "wait=1" } });
  expect(reply.ms).toBeGreaterThan(950);
});

test("202 at once when the relay says so, when the coordinator goes away, when the session has a backlog", async () => {
  await healthy();
  const seq = await nextSeq();
  const [told] = await Promise.all([
    call(url, "POST", "/events", event("s-told"), LONG),
    relay.answer({ kind: "accepted", reason: "breaker_open" }, seq),
  ]);
  expect(told.status).toBe(202);
  expect(told.ms).toBeLessThan(LONG_MS);

  const waiting = call(url, "POST", "/events", event("s-pause"), LONG);
  await expect
    .poll(async () => (await call(url, "GET", "/_relay/metrics")).text)
    .toContain("waiting_requests 1");
  relay.tell({ coordinator: { state: "paused", reason: "unauthorized" } });
  expect((await waiting).status).toBe(202);
  const known = await call(url, "POST", "/events", event("s-pause"), LONG);
  expect(known.status).toBe(202);
  expect(known.ms).toBeLessThan(LONG_MS);

  relay.tell({ backlog: [{ session: "s-behind", events: 1, bytes: 1 }] });
  await shownUp();
  const behind = await call(url, "POST", "/events", event("s-behind"), LONG);
  expect(behind.status).toBe(202);
  expect(behind.ms).toBeLessThan(LONG_MS);
});

test("202 after 3 s of silence", async () => {
  await healthy();
  const waiting = call(url, "POST", "/events", event("s-silent"), LONG);
  relay.silence();
  const reply = await waiting;
  expect(reply.status).toBe(202);
  expect(reply.ms).toBeLessThan(LONG_MS);
  expect((await call(url, "GET", "/_relay/ready")).json).toMatchObject({
    ready: true,
    dependencies: { relay: { state: "away" }, coordinator: { state: "unknown" } },
  });
});
