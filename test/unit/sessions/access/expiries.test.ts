import { expect, test } from "vitest";
import { createExpiries } from "../../../../src/sessions/access/expiries.ts";
import { createFakeClock } from "../../../support/fake-clock.ts";

const DAY = 24 * 60 * 60 * 1000;

test("a token ends at its time, and those of one second share a timer", async () => {
  const clock = createFakeClock();
  const expiries = createExpiries(clock);
  const at = clock.wall() + 1500;
  const [one, same, later] = [at, at + 100, at + 5000].map((it) => expiries.signalAt(it));
  expect(one).toBe(same);
  expect(clock.pending()).toBe(2);
  await clock.pass(1400);
  expect(one?.aborted).toBe(false);
  await clock.pass(700);
  expect([one?.aborted, later?.aborted]).toEqual([true, false]);
  expect(expiries.signalAt(at).aborted).toBe(true);
  expiries.close();
  expect(clock.pending()).toBe(0);
});

test("a token that ends in years waits for it, longer than a timer can", async () => {
  const clock = createFakeClock();
  const expiries = createExpiries(clock);
  const ended = expiries.signalAt(clock.wall() + 60 * DAY);
  await clock.pass(59 * DAY);
  expect(ended.aborted).toBe(false);
  await clock.pass(2 * DAY);
  expect(ended.aborted).toBe(true);
  expect(clock.pending()).toBe(0);
});
