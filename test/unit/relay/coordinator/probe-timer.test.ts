import * as fc from "fast-check";
import { expect, test } from "vitest";
import { createProbeTimer, probeDelay } from "../../../../src/relay/coordinator/probe-timer.ts";
import { createFakeClock } from "../../../support/fake-clock.ts";

test("probes come later and later, up to the longest wait of their phase", () => {
  const waits = (phase: "away" | "paused", count: number): number[] =>
    Array.from({ length: count }, (_, done) => probeDelay(phase, done, 1));
  expect(waits("away", 6)).toEqual([500, 750, 800, 800, 800, 800]);
  expect(waits("paused", 6)).toEqual([5000, 7500, 11_250, 16_875, 25_312.5, 30_000]);
});

test("chance takes up to a fifth off, and never more", () => {
  fc.assert(
    fc.property(
      fc.constantFrom("away" as const, "paused" as const),
      fc.nat({ max: 5000 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (phase, done, random) => {
        const most = probeDelay(phase, done, 1);
        const delay = probeDelay(phase, done, random);
        expect(delay).toBeGreaterThanOrEqual(0.8 * most - 1e-6);
        expect(delay).toBeLessThanOrEqual(most + 1e-6);
      },
    ),
  );
});

test("one probe is scheduled at a time, a new phase begins anew, and nothing comes after the stop", async () => {
  const clock = createFakeClock();
  let due = 0;
  const timer = createProbeTimer({ clock, random: () => 1, due: () => void due++ });
  expect(timer.dueAt()).toBeUndefined();
  timer.schedule("away");
  timer.schedule("away"); // in its place, as the second of the phase
  expect(timer.dueAt()).toBe(clock.now() + 750);
  await clock.pass(749);
  expect(due).toBe(0);
  await clock.pass(1);
  expect(due).toBe(1);
  expect(timer.dueAt()).toBeUndefined();
  timer.restart();
  timer.schedule("away");
  await clock.pass(500);
  expect(due).toBe(2);
  timer.schedule("away");
  timer.stop();
  timer.schedule("away");
  await clock.pass(60_000);
  expect(due).toBe(2);
});
