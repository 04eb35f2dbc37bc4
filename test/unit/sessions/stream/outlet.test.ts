import { expect, test } from "vitest";
import { createTap } from "../../../../src/sessions/stream/outlet.ts";
import { createFakeClock } from "../../../support/fake-clock.ts";

test("all that wait go on when there is room again", async () => {
  const clock = createFakeClock();
  let full = true;
  const tap = createTap(clock, () => full);
  const { signal } = new AbortController();
  const waiting = [tap.drained(1000, signal), tap.drained(1000, signal)];
  full = false;
  tap.open();
  expect(await Promise.all(waiting)).toEqual([true, true]);
  expect(await tap.drained(1000, signal)).toBe(true);
  expect(clock.pending()).toBe(0);
});

test("after its time, or when the stream ends, nobody waits any more", async () => {
  const clock = createFakeClock();
  const tap = createTap(clock, () => true);
  const ending = new AbortController();
  const [short, long] = [tap.drained(1000, ending.signal), tap.drained(10_000, ending.signal)];
  await clock.pass(1000);
  expect(await short).toBe(false);
  ending.abort();
  expect(await long).toBe(false);
  expect(await tap.drained(1000, ending.signal)).toBe(false);
  expect(clock.pending()).toBe(0);
});
