import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { headers as natsHeaders } from "@nats-io/transport-node";
import { readBatchAck } from "../../../src/shared/log/append/ack.ts";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { provisioned } from "../../support/relay.ts";
import { call, readLog, startTestGateway, type TestGateway } from "./harness.ts";

let broker: TestBroker;
let gateway: TestGateway;
let url: string;

beforeAll(async () => {
  broker = await provisioned(await startTestBroker());
  gateway = await startTestGateway(broker);
  url = gateway.url();
});

afterAll(async () => {
  await gateway?.close();
  await broker?.[Symbol.asyncDispose]();
});

const event = (session: string, more: object = {}): Record<string, unknown> => ({
  session_id: session,
  event_type: "message",
  timestamp: "2026-11-21T01:41:39.761388+00:00",
  ...more,
});

async function lastEvent(session: string) {
  const events = await readLog(broker);
  return events.findLast(({ envelope }) => envelope.session === session);
}

describe("without a relay", () => {
  test("DURABLE-1: 202 at once, with everything that is needed to find the event again", async () => {
    const reply = await call(url, "POST", "/events", event("s-202"), {
      traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01`,
    });
    expect(reply.status).toBe(202);
    expect(reply.json).toMatchObject({ ok: true, status: "accepted", durability: "fsync" });
    expect(reply.headers["content-type"]).toBe("application/json");
    const {
      event_id: id,
      stream_seq: seq,
      session_seq: number,
    } = reply.json as { event_id: string; stream_seq: number; session_seq: string };
    expect(reply.headers.location).toBe(`/_relay/deliveries/${id}?seq=${seq}`);
    const logged = await lastEvent("s-202");
    expect(logged).toMatchObject({
      seq,
      headers: {
        "Nats-Msg-Id": id,
        "Rr-Session": "s-202",
        "Rr-Seq": number,
        "Rr-Kind": "event",
        "Rr-Schema": "1",
      },
      envelope: {
        id,
        kind: "event",
        session: "s-202",
        runner: "dev-machine.coding",
        seq: 1,
        trace: expect.any(String) as string,
      },
    });
    expect(logged?.envelope.answer).toBeUndefined();
    expect(logged?.subject).toMatch(/^rr\.ev\.\d+\.dev-machine=2Ecoding\.s-202\.event$/);
  });

  test("an event lies in the log byte for byte, whatever the spelling of its path", async () => {
    const text = ' {"session_id":"s-verbatim", "n":12345678901234567890} ';
    for (const path of ["/events", "//events/?x=1", "/sessions/s%2Dverbatim/events/"]) {
      expect((await call(url, "POST", path, text)).status).toBe(202);
      expect(Buffer.from((await lastEvent("s-verbatim"))?.envelope.body ?? []).toString()).toBe(text);
    }
  });

  test("OWN-1: binds and metadata, on both kinds of path", async () => {
    const bodyOf = async (): Promise<unknown> =>
      JSON.parse(Buffer.from((await lastEvent("s-own"))?.envelope.body ?? []).toString());
    const evil = { hostname: "evil", executor_profile: "evil" };
    const bound = { executor_session_id: "e", hostname: "dev-machine", executor_profile: "coding" };
    expect(
      (await call(url, "POST", "/bind", { session_id: "s-own", executor_session_id: "e", ...evil })).status,
    ).toBe(202);
    expect(await bodyOf()).toEqual(bound);
    expect((await call(url, "POST", "/sessions/s-own/bind", { executor_session_id: "e" })).status).toBe(202);
    expect(await bodyOf()).toEqual(bound);
    expect(
      (await call(url, "PATCH", "/metadata", { session_id: "s-own", last_resumed_at: "t", ...evil })).status,
    ).toBe(202);
    expect(await bodyOf()).toEqual({ last_resumed_at: "t" });
    expect(
      (await call(url, "PATCH", "/sessions/s-own/metadata", { last_resumed_at: "u", ...evil })).status,
    ).toBe(202);
    expect(await bodyOf()).toEqual({ last_resumed_at: "u" });
  });

  test("ORDER-1: one session's events keep their order and their numbers, however many come at once", async () => {
    const replies = await Promise.all(
      Array.from({ length: 300 }, (_, i) => call(url, "POST", "/events", event(`s-many-${i % 5}`, { i }))),
    );
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([202]));
    const events = (await readLog(broker)).filter(({ envelope }) => envelope.session.startsWith("s-many-"));
    expect(events).toHaveLength(300);
    expect(
      events.some(({ headers }) => headers["Nats-Batch-Id"] !== undefined),
      "some went as a batch",
    ).toBe(true);
    for (let s = 0; s < 5; s++) {
      const numbers = events
        .filter(({ envelope }) => envelope.session === `s-many-${s}`)
        .map(({ envelope }) => envelope.seq);
      expect(numbers).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
    }
    for (const { json } of replies) {
      const logged = events.find(({ seq }) => seq === json["stream_seq"]);
      expect(logged?.envelope.id).toBe(json["event_id"]);
      expect(logged?.headers["Rr-Seq"]).toBe(json["session_seq"]);
    }
  });

  test("a session id is data: what can be encoded travels safely", async () => {
    for (const session of ["a b", "a.b*>", "ünï", "100%", "x?y#z", "a:b@c", "%2F"]) {
      const reply = await call(url, "POST", "/events", event(session));
      expect(reply.status, session).toBe(202);
      expect((await lastEvent(session))?.envelope.session).toBe(session);
    }
  });

  test("Prefer: respond-async is said to be applied, an unreadable preference is ignored", async () => {
    const async = await call(url, "POST", "/events", event("s-prefer"), { prefer: "respond-async" });
    expect([async.status, async.headers["preference-applied"]]).toEqual([202, "respond-async"]);
    const wait = await call(url, "POST", "/events", event("s-prefer"), { prefer: "wait=abc" });
    expect([wait.status, wait.headers["preference-applied"]]).toEqual([202, undefined]);
  });
});

describe("Idempotency-Key", () => {
  const send = (gatewayUrl: string, key: string, body: object) =>
    call(gatewayUrl, "POST", "/events", event("s-key", body), { "idempotency-key": key });

  test("the same key is the same event, at once or later", async () => {
    const replies = await Promise.all([send(url, "k1", {}), send(url, "k1", {}), send(url, "k1", {})]);
    replies.push(await send(url, "k1", {}));
    expect(new Set(replies.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(replies[0]?.status).toBe(202);
  });

  test("with another body it is refused; in another session or on another route it is another key", async () => {
    const first = await send(url, "k2", { a: 1 });
    expect((await send(url, "k2", { a: 2 })).json).toMatchObject({
      status: 422,
      code: "idempotency_key_reused",
    });
    const other = await call(url, "POST", "/events", event("s-key-2"), { "idempotency-key": "k2" });
    expect(other.status).toBe(202);
    expect(other.json["event_id"]).not.toBe(first.json["event_id"]);
    expect((await send(url, "k\u00e9", {})).json).toMatchObject({ code: "idempotency_key_invalid" });
  });

  test("after a gateway's death the broker recognizes it: the original sequence, and no gap behind it", async () => {
    const first = await send(url, "k3", {});
    await using next = await startTestGateway(broker, { gateway: "gw2" });
    const from = (await lastEvent("s-key"))?.seq ?? 0;
    const replies = await Promise.all([
      call(next.url(), "POST", "/events", event("s-key", { before: 1 })),
      send(next.url(), "k3", {}),
      call(next.url(), "POST", "/events", event("s-key", { after: 1 })),
    ]);
    expect(replies[1]).toMatchObject({
      status: 202,
      json: { event_id: first.json["event_id"], stream_seq: first.json["stream_seq"], session_seq: null },
    });
    const numbers = new Map<string, number[]>();
    for (const { envelope } of await readLog(broker, from + 1)) {
      numbers.set(envelope.epoch, [...(numbers.get(envelope.epoch) ?? []), envelope.seq]);
    }
    for (const [epoch, list] of numbers) expect(list, epoch).toEqual(list.map((_, i) => i + 1));
  });
});

test("the broker still answers batches in the form that is read", async () => {
  // Guards the format on which the sequence of each batched event rests.
  const nc = await broker.connect("gateway");
  const head = natsHeaders();
  head.set("Nats-Batch-Id", "form");
  head.set("Nats-Batch-Sequence", "1");
  head.set("Nats-Batch-Commit", "1");
  const reply = await nc.request("rr.ev.0.r.s.event", "x", { headers: head, timeout: 20_000 });
  expect(readBatchAck(reply.string(), 1)).toMatchObject({ kind: "stored" });
});
