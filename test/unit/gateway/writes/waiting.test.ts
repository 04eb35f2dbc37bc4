import { describe, expect, test } from "vitest";
import { createWaiting, type Conclusion, type PendingWrite } from "../../../../src/gateway/writes/waiting.ts";
import type { Answer } from "../../../../src/shared/messages/answer.ts";
import { createFakeClock } from "../../../support/fake-clock.ts";

describe("an exchange", () => {
  const stored = { kind: "stored", streamSeq: 5, duplicate: false, number: { epoch: "a", seq: 1 } } as const;
  const answer: Answer = { kind: "answer", status: 201, headers: [], body: Buffer.from("{}") };

  function begin(waitMs: number | undefined = 2000, shard = 0) {
    const clock = createFakeClock();
    const waiting = createWaiting(clock);
    const told: Conclusion["kind"][] = [];
    const seen: boolean[] = [];
    const exchange: PendingWrite = waiting.open("e1", shard, waitMs, (conclusion) => {
      told.push(conclusion.kind);
      return true;
    });
    return { clock, waiting, told, seen, exchange, confirm: (it: boolean) => void seen.push(it) };
  }

  test("the coordinator's answer is handed on when both it and the log's word are there, in either order", () => {
    const a = begin();
    a.waiting.settled(a.exchange, stored);
    expect(a.told).toEqual([]);
    expect(a.waiting.answered("e1", answer, a.confirm)).toBe(true);
    expect([a.told, a.seen, a.waiting.size]).toEqual([["answer"], [true], 0]);
    a.clock.jump(5000);
    expect(a.told).toEqual(["answer"]);

    const b = begin();
    expect(b.waiting.answered("e1", answer, b.confirm)).toBe(true);
    expect(b.told, "DURABLE-1: nothing before the log's word").toEqual([]);
    b.waiting.settled(b.exchange, stored);
    expect([b.told, b.seen]).toEqual([["answer"], [true]]);
  });

  test("without a wait the log's word is enough", () => {
    const { waiting, exchange, told } = begin(undefined, 0);
    const free = createWaiting(createFakeClock());
    const other = free.open("e2", 0, undefined, (conclusion) => told.push(conclusion.kind) > 0);
    expect(free.answered("e2", answer, undefined)).toBe(false);
    free.settled(other, stored);
    expect(told).toEqual(["accepted"]);
    waiting.settled(exchange, stored);
  });

  test("the wait ends with time, with `accepted`, with the loss of the relay: 202 as soon as it is stored", () => {
    const timed = begin();
    timed.waiting.settled(timed.exchange, stored);
    timed.clock.jump(1999);
    expect(timed.told).toEqual([]);
    timed.clock.jump(1);
    expect(timed.told).toEqual(["accepted"]);
    expect(timed.waiting.answered("e1", answer, timed.confirm)).toBe(false);

    const refused = begin();
    refused.waiting.settled(refused.exchange, stored);
    refused.waiting.answered("e1", { kind: "accepted", reason: "away" }, undefined);
    expect(refused.told).toEqual(["accepted"]);

    const lost = begin(2000, 3);
    lost.waiting.release([1, 2]);
    lost.waiting.release([3]);
    expect(lost.told, "DURABLE-1").toEqual([]);
    lost.waiting.settled(lost.exchange, stored);
    expect(lost.told).toEqual(["accepted"]);
  });

  test("an answer that is there already outlives the end of the wait", () => {
    const { waiting, exchange, told, clock, confirm } = begin();
    waiting.answered("e1", answer, confirm);
    waiting.close();
    clock.jump(10_000);
    waiting.settled(exchange, stored);
    expect(told).toEqual(["answer"]);
  });

  test("after the end of all waits those that come later do not wait either", () => {
    const { waiting, told } = begin();
    waiting.close();
    const later: string[] = [];
    const exchange = waiting.open("e2", 0, 2000, ({ kind }) => later.push(kind) > 0);
    expect([told, later], "DURABLE-1").toEqual([[], []]);
    waiting.settled(exchange, stored);
    expect(later).toEqual(["accepted"]);
    expect(waiting.size).toBe(0);
  });

  test("what could not be stored fails, even with an answer", () => {
    const { waiting, exchange, told, seen, confirm } = begin();
    waiting.answered("e1", answer, confirm);
    waiting.settled(exchange, { kind: "failed", code: "log_unreachable", detail: "" });
    expect([told, seen]).toEqual([["failed"], [false]]);
  });

  test("what an earlier process stored has its answer elsewhere: no wait", () => {
    const { waiting, exchange, told } = begin();
    waiting.settled(exchange, { ...stored, duplicate: true, number: undefined });
    expect(told).toEqual(["accepted"]);
  });
});
