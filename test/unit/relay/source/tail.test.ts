import { expect, test } from "vitest";
import type { ConsumerInfo } from "../../../../src/relay/source/consumer.ts";
import { agrees, watchTail, type Place } from "../../../../src/relay/source/tail.ts";
import { codedError } from "../../../../src/shared/base/errors.ts";
import { silentLogger } from "../../../../src/shared/base/logger.ts";
import { createFakeClock, type FakeClock } from "../../../support/fake-clock.ts";

type Stage = {
  clock: FakeClock;
  place: Place | undefined;
  /** What the consumer says that it delivered; an error is thrown. */
  sent: number | Error;
  lost: Place[];
  fatal: Error[];
  asked: number;
  /** Happens while the consumer is asked. */
  meanwhile(): void;
  stop(): void;
};

function stage(sent: number | Error): Stage {
  const clock = createFakeClock();
  const it: Stage = {
    clock,
    place: { turn: 1, next: 4, done: false },
    sent,
    lost: [],
    fatal: [],
    asked: 0,
    meanwhile() {},
    stop: () => tail.stop(),
  };
  const tail = watchTail({
    clock,
    log: silentLogger(),
    shard: 0,
    consumer: {
      async info(): Promise<ConsumerInfo> {
        it.asked++;
        it.meanwhile();
        if (typeof it.sent !== "number") throw it.sent;
        return { delivered: { consumer_seq: it.sent, stream_seq: 9 } };
      },
    },
    place: () => it.place,
    lost: (place) => void it.lost.push(place),
    fatal: (error) => void it.fatal.push(error),
  });
  tail.start();
  return it;
}

test("SETTLE-1: a delivery that was sent and did not come is found after two looks at a quiet shard", async () => {
  const it = stage(4);
  await it.clock.pass(4000);
  expect(it.lost).toEqual([]); // it may be on its way
  await it.clock.pass(1000);
  expect(it.lost).toEqual([{ turn: 1, next: 4, done: false }]);
});

test.each<[string, boolean, { sent: number; unacked?: number; done?: boolean }]>([
  ["the last one was sent, and came", true, { sent: 3 }],
  ["one more was sent", false, { sent: 4 }],
  ["fewer were sent, because somebody reset it", false, { sent: 2 }],
  ["what came is being worked on", true, { sent: 3, unacked: 2 }],
  ["all that came is acked", true, { sent: 3, unacked: 0, done: true }],
  [
    "it waits for acks of what did not come: it was reset, and has sent as many since",
    false,
    { sent: 3, unacked: 2, done: true },
  ],
])("a consumer and its shard: %s", (_, agree, { sent, unacked, done = false }) => {
  const info = {
    delivered: { consumer_seq: sent, stream_seq: 9 },
    ...(unacked === undefined ? {} : { num_ack_pending: unacked }),
  };
  expect(agrees({ turn: 1, next: 4, done }, info)).toBe(agree);
});

test("a shard that has everything is left alone, and is asked every two seconds", async () => {
  const it = stage(3);
  await it.clock.pass(61_000);
  expect([it.lost, it.asked]).toEqual([[], 29]);
});

test("a shard to which something comes is not asked", async () => {
  const it = stage(99);
  for (let next = 5; next < 20; next++) {
    await it.clock.pass(1999);
    it.place = { turn: 1, next, done: false };
  }
  expect([it.lost, it.asked]).toEqual([[], 0]);
});

test("what comes late, or belongs to another turn by then, is not lost", async () => {
  for (const later of [{ turn: 1, next: 5, done: false }, { turn: 2, next: 4, done: false }, undefined]) {
    const it = stage(4);
    await it.clock.pass(4000);
    it.meanwhile = () => void (it.place = later);
    await it.clock.pass(1000);
    expect(it.lost).toEqual([]);
  }
});

test("a broker that does not answer is asked again; a consumer that is gone ends the relay; a stop ends the looks", async () => {
  const it = stage(new Error("timeout"));
  await it.clock.pass(8000);
  expect([it.lost, it.fatal, it.asked]).toEqual([[], [], 3]);
  it.sent = codedError("checkpoint_missing", "gone");
  await it.clock.pass(2000);
  expect(it.fatal).toHaveLength(1);
  it.stop();
  await it.clock.pass(60_000);
  expect(it.asked).toBe(4);
});
