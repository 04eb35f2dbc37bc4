import { expect, test } from "vitest";
import { isIdle } from "../../../../../src/shared/log/state/idle.ts";

const known = { floor: 5, firstSeq: 1, acksCount: false };

test.each([
  { why: "nothing was ever delivered", consumer: { delivered: 0 }, idle: true },
  { why: "what was delivered is settled", consumer: { delivered: 5 }, idle: true },
  { why: "more was delivered than is known as settled", consumer: { delivered: 6 }, idle: false },
  { why: "the same, and acks count", consumer: { delivered: 6 }, more: { acksCount: true }, idle: true },
  { why: "the rest is gone from the log", consumer: { delivered: 8 }, more: { firstSeq: 9 }, idle: true },
  { why: "not all of the rest is gone", consumer: { delivered: 9 }, more: { firstSeq: 9 }, idle: false },
  { why: "something is to be delivered", consumer: { delivered: 5, pending: 1 }, idle: false },
  {
    why: "something is not acknowledged",
    consumer: { delivered: 5, unacked: 1 },
    more: { acksCount: true },
    idle: false,
  },
])("SETTLE-1: a shard has nothing left to send or has: $why", ({ consumer, more, idle }) => {
  const { delivered, pending = 0, unacked = 0 } = consumer;
  const info = {
    num_pending: pending,
    num_ack_pending: unacked,
    delivered: { stream_seq: delivered },
  };
  expect(isIdle(info, { ...known, ...more })).toBe(idle);
});
