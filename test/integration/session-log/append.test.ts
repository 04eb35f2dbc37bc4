import { headers } from "@nats-io/nats-core";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { OwnerEvent } from "../../../src/shared/session-log/append/owner-writer.ts";
import type { TestBroker } from "../../support/broker.ts";
import { sessionsBroker, worker } from "./harness.ts";

const S = "session-1";

let broker: TestBroker;
let ending: AbortController;

beforeEach(async () => {
  broker = await sessionsBroker();
  ending = new AbortController();
});
afterEach(async () => {
  ending.abort();
  await broker[Symbol.asyncDispose]();
});

const event = (n: number): OwnerEvent => ({
  id: `e${n}`,
  kind: "text",
  data: new TextEncoder().encode(String(n)),
});

/** As another process would store it; with the id of ours, as ours whose answer was lost. */
async function store(id: string, session = S): Promise<number> {
  const nc = await broker.connect("worker");
  const head = headers();
  head.set("Nats-Msg-Id", `${session}.${id}`);
  const reply = await nc.request(`rr.ses.${session}.out.text`, "by another", {
    headers: head,
    timeout: 5000,
  });
  return reply.json<{ seq: number }>().seq;
}

async function texts(): Promise<string[]> {
  const nc = await broker.connect("worker");
  const found: string[] = [];
  for (let seq = 1; ; seq++) {
    const reply = await nc.request("$JS.API.DIRECT.GET.RR_SESSIONS", JSON.stringify({ seq }));
    if (reply.headers?.code === 404) return found;
    found.push(reply.string());
  }
}

test("events are stored in the order of the calls, each behind the one before", async () => {
  const writer = (await worker(broker, ending.signal))(S);
  const appended = await Promise.all([1, 2, 3, 4].map((n) => writer.append(event(n))));
  expect(appended).toEqual([1, 2, 3, 4].map((seq) => ({ kind: "stored", seq })));
  expect(writer.last()).toBe(4);
  expect(await texts()).toEqual(["1", "2", "3", "4"]);
});

test("events of other sessions, and requests of clients, do not conflict with an append", async () => {
  const write = await worker(broker, ending.signal);
  const [a, b] = [write(S), write("session-2")];
  const serve = await broker.connect("serve");
  await a.append(event(1));
  await b.append(event(1));
  await serve.request(`rr.ses.${S}.in.turn.t1`, "turn");
  expect(await a.append(event(2))).toEqual({ kind: "stored", seq: 4 });
});

test("an event whose answer was lost is recognised, and stored once", async () => {
  const writer = (await worker(broker, ending.signal))(S);
  await writer.append(event(1));
  expect(await store("e2")).toBe(2); // it arrived, and its answer did not
  expect(await writer.append(event(2))).toEqual({ kind: "stored", seq: 2 });
  expect(await writer.append(event(3))).toEqual({ kind: "stored", seq: 3 });
  expect(await texts()).toEqual(["1", "by another", "3"]);
});

test("an owner that was overtaken writes nothing more, not even what it had queued", async () => {
  const write = await worker(broker, ending.signal);
  const [old, next] = [write(S), write(S, 1)];
  await old.append(event(1));
  expect(await next.append({ ...event(2), id: "taken over" })).toEqual({ kind: "stored", seq: 2 });
  const late = await Promise.all([old.append(event(3)), old.append(event(4))]);
  expect(late).toEqual([
    { kind: "overtaken", by: 2 },
    { kind: "overtaken", by: 2 },
  ]);
  expect(await texts()).toEqual(["1", "2"]);
});

test("a writer that begins behind the wrong event writes nothing", async () => {
  const write = await worker(broker, ending.signal);
  await write(S).append(event(1));
  expect(await write(S, 0).append(event(9))).toEqual({ kind: "overtaken", by: 1 });
  expect(await write(S, 7).append(event(9))).toEqual({ kind: "overtaken", by: 1 });
});

test("a broker that is killed in the middle loses and repeats nothing", async () => {
  const writer = (await worker(broker, ending.signal))(S);
  const numbers = Array.from({ length: 300 }, (_, i) => i + 1);
  const appends = numbers.map((n) => writer.append(event(n)));
  await appends[100];
  await broker.kill9();
  await broker.restart();
  for (const appended of appends) expect(await appended).toMatchObject({ kind: "stored" });
  expect(await texts()).toEqual(numbers.map(String));
});

test("an event that is too large is refused, and the next one is stored", async () => {
  const writer = (await worker(broker, ending.signal))(S);
  const large = { ...event(1), data: new Uint8Array(9 * 1024 * 1024) };
  expect(await writer.append(large)).toMatchObject({ kind: "refused", full: false });
  expect(await writer.append(event(2))).toEqual({ kind: "stored", seq: 1 });
});
