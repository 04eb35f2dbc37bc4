import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readAck, readBatchAck, refusalOf } from "../../../../../src/shared/log/append/ack.ts";
import { messageOf, sharedLines } from "../../../../../src/shared/log/append/message.ts";
import { createFifo } from "../../../../../src/shared/base/fifo.ts";
import { judgeWave, pickWave, roundsOf } from "../../../../../src/shared/log/append/wave.ts";
import { createSequences } from "../../../../../src/shared/log/append/sequence.ts";
import { decodeEnvelope } from "../../../../../src/shared/log/schema/envelope.ts";

describe("the broker's answers", () => {
  test.each([
    ['{"stream":"RR_EVENTS","seq":7}', { kind: "stored", seq: 7, duplicate: false }],
    ['{"stream":"RR_EVENTS","seq":7,"duplicate":true}', { kind: "stored", seq: 7, duplicate: true }],
    [
      '{"error":{"code":503,"err_code":10077,"description":"maximum bytes exceeded"}}',
      { kind: "refused", refusal: "log_full" },
    ],
    [
      '{"error":{"code":400,"err_code":10060,"description":"wrong stream"}}',
      { kind: "refused", refusal: "log_refused" },
    ],
    [
      '{"error":{"code":503,"err_code":10008,"description":"no leader"}}',
      { kind: "refused", refusal: "later" },
    ],
    ['{"error":{}}', { kind: "refused", refusal: "log_refused" }],
    ['{"seq":0}', { kind: "unknown" }],
    ["", { kind: "unknown" }],
    ["null", { kind: "unknown" }],
    [`{"seq":7,"more":[${"{},".repeat(100_000)}{}]}`, { kind: "unknown" }],
  ])("to a single: %.80s", (text, ack) => expect(readAck(text)).toMatchObject(ack));

  test.each([
    ['{"stream":"RR_EVENTS","seq":12,"batch":"b","count":3}', { kind: "stored", firstSeq: 10 }],
    ['{"stream":"RR_EVENTS","seq":12,"batch":"b","count":2}', { kind: "unknown" }],
    ['{"stream":"RR_EVENTS","seq":12}', { kind: "unknown" }],
    ['{"seq":1,"count":3}', { kind: "unknown" }],
    ['{"error":{"code":400,"err_code":10201,"description":"duplicate"}}', { kind: "refused" }],
  ])("to a batch of three: %s", (text, ack) => expect(readBatchAck(text, 3)).toMatchObject(ack));

  test("no room and a bad message are final, the rest passes", () => {
    expect([
      refusalOf(503, 10077),
      refusalOf(500, 10023),
      refusalOf(400, 1),
      refusalOf(429, 10167),
      refusalOf(503, 0),
    ]).toEqual(["log_full", "log_full", "log_refused", "later", "later"]);
  });
});

describe("a wave of singles", () => {
  const w = (session: string, keyed = false): { session: string; keyed: boolean } => ({ session, keyed });

  test("serial: the first of each session", () => {
    const writes = [w("a"), w("a"), w("b"), w("a"), w("c")];
    expect(pickWave(writes, true, 10)).toEqual([writes[0], writes[2], writes[4]]);
    expect(pickWave(writes, true, 2)).toHaveLength(2);
  });

  test("side by side: all, but nothing behind a keyed one of the same session", () => {
    const writes = [w("a"), w("a", true), w("a"), w("b")];
    expect(pickWave(writes, false, 10)).toEqual([writes[0], writes[1], writes[3]]);
  });

  test("rounds are the most writes of one session", () => {
    expect(roundsOf([w("a"), w("b"), w("a"), w("a")])).toBe(3);
    expect(roundsOf([])).toBe(0);
  });

  test("ORDER-1: what a newer one of its session has overtaken is never tried again", () => {
    const fates = judgeWave(
      [w("a"), w("a"), w("b")],
      [
        { kind: "unknown", detail: "?" },
        { kind: "stored", seq: 5, duplicate: false },
        { kind: "refused", refusal: "later", detail: "l" },
      ],
    );
    expect(fates.map((fate) => fate.kind)).toEqual(["overtaken", "stored", "again"]);
    expect(judgeWave([w("a")], [])).toMatchObject([{ kind: "again", uncertain: true }]);
  });
});

describe("session numbers", () => {
  test("no (epoch, number) is ever given twice, and within an epoch they are consecutive from 1", () => {
    const step = fc.record({ session: fc.constantFrom("a", "b", "c", "d", "e"), renew: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step), fc.integer({ min: 1, max: 4 }), (steps, limit) => {
        const sequences = createSequences("x", limit);
        const given = new Map<string, number>();
        for (const { session, renew } of steps) {
          if (renew) sequences.renew(session);
          const { epoch, seq } = sequences.next(session);
          expect(seq).toBe((given.get(epoch) ?? 0) + 1);
          expect(epoch).toMatch(/^[a-z0-9]+$/);
          given.set(epoch, seq);
        }
      }),
    );
  });

  test("the least recently used session is forgotten first", () => {
    const sequences = createSequences("x", 2);
    sequences.next("a");
    sequences.next("b");
    sequences.next("a");
    sequences.next("c");
    expect(sequences.next("a").seq).toBe(3);
    expect(sequences.next("b").seq).toBe(1);
  });
});

test("the queue is first in, first out, through taking and sifting", () => {
  const action = fc.oneof(fc.constant("push" as const), fc.nat(2000), fc.constant("sift" as const));
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      const fifo = createFifo<number>();
      let model: number[] = [];
      let n = 0;
      for (const it of actions) {
        if (it === "push") {
          for (let i = 0; i < 100; i++) {
            fifo.push(n);
            model.push(n++);
          }
        } else if (it === "sift") {
          expect(fifo.sift((x) => x % 3 > 0)).toEqual(model.filter((x) => x % 3 === 0));
          model = model.filter((x) => x % 3 > 0);
        } else expect(fifo.take(it)).toEqual(model.splice(0, it));
        expect(fifo.length).toBe(model.length);
        expect(fifo.at(0)).toBe(model[0]);
      }
    }),
  );
});

test("a message is the envelope, with headers for people", () => {
  const write = {
    id: "e1",
    keyed: false,
    kind: "event" as const,
    session: "sé 1",
    subject: "rr.ev.1.r.s.event",
    lines: sharedLines("sé 1", "event"),
    receivedAt: Date.UTC(2026, 10, 21, 1, 2, 3),
    type: "application/json",
    body: Buffer.from('{"n":12345678901234567890}'),
    answer: "_INBOX_gw.gw1.x.answer.e1",
    trace: {
      traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
      tracestate: "vendor=1",
    },
    settle: () => undefined,
  };
  const { head, payload, subject } = messageOf(write, { epoch: "abc", seq: 4 }, "host.profile");
  expect(subject).toBe("rr.ev.1.r.s.event");
  expect(head.split("\r\n")).toEqual([
    "Nats-Msg-Id: e1",
    "Rr-Seq: abc-4",
    "Rr-Received-At: 2026-11-21T01:02:03.000Z",
    "Rr-Session: sé 1",
    "Rr-Kind: event",
    "Rr-Schema: 1",
    "Content-Type: application/msgpack",
    `traceparent: ${write.trace.traceparent}`,
    "",
  ]);
  const envelope = decodeEnvelope(payload);
  expect(envelope).toMatchObject({
    v: 1,
    id: "e1",
    session: "sé 1",
    runner: "host.profile",
    epoch: "abc",
    seq: 4,
    answer: write.answer,
  });
  expect(Buffer.from(envelope.body).toString()).toBe('{"n":12345678901234567890}');
});
