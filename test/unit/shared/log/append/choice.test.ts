import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { seededRandom } from "../../../../faults/random.ts";
import { createChoice, type Choice } from "../../../../../src/shared/log/append/choice.ts";

/** What a broker needs, milliseconds: per single and per batch. */
type Broker = { single: number; batch: number };

const ROUND_TRIP = 0.2;
const BATCH_MESSAGE = 0.01;

function price({ single, batch }: Broker, mode: "singles" | "batch", count: number): number {
  return mode === "singles" ? ROUND_TRIP + count * single : batch + count * BATCH_MESSAGE;
}

/** Commits waves of these sizes; returns what they cost, what they would have cost with the cheaper way each time. */
function run(choice: Choice, broker: Broker, waves: readonly number[]): { cost: number; best: number } {
  let [cost, best] = [0, 0];
  waves.forEach((count) => {
    const mode = choice.of(count, 1);
    const ms = price(broker, mode, count);
    choice.took(mode, count, 1, ms);
    cost += ms;
    best += Math.min(price(broker, "singles", count), price(broker, "batch", count));
  });
  return { cost, best };
}

function times(n: number, count: number): number[] {
  return Array.from({ length: n }, () => count);
}

const brokers = fc.record({
  single: fc.double({ min: 0.02, max: 2, noNaN: true }),
  batch: fc.double({ min: 0.35, max: 10, noNaN: true }),
});
/** Waves by a seed: nobody reads a shrunk list of hundreds. */
const waves = fc.integer({ min: 0, max: 1e6 }).map((seed) => {
  const random = seededRandom(seed);
  return Array.from({ length: 400 }, () => 4 + Math.floor(random.next() * 61));
});

describe("before anything was measured", () => {
  test("where writes are synced, batches are tried early, and without an fsync not", () => {
    const synced = createChoice(true);
    expect([1, 2, 4, 64].map((n) => synced.of(n, 1))).toEqual(["singles", "singles", "batch", "batch"]);
    const unsynced = createChoice(false);
    expect([1, 20, 64, 250].map((n) => unsynced.of(n, 1))).toEqual(times(4, 0).map(() => "singles"));
  });

  test("writes of one session are sent one by one as singles, so a batch pays earlier", () => {
    expect(createChoice(false).of(20, 20)).toBe("batch");
  });
});

describe("what it costs decides", () => {
  test.each([
    ["staged in memory", { single: 0.25, batch: 0.66 }, 4, "batch"],
    ["staged on a disk, few", { single: 0.25, batch: 3 }, 8, "singles"],
    ["staged on a disk, many", { single: 0.25, batch: 3 }, 20, "batch"],
    ["nothing is synced", { single: 0.02, batch: 2.5 }, 64, "singles"],
    ["singles are synced after all", { single: 0.3, batch: 3 }, 64, "batch"],
  ] as const)("%s", (_, broker, count, mode) => {
    for (const synced of [true, false]) {
      const choice = createChoice(synced);
      run(choice, broker, times(1000, count));
      const chosen = Array.from({ length: 20 }, () => {
        const now = choice.of(count, 1);
        choice.took(now, count, 1, price(broker, now, count));
        return now;
      });
      expect(chosen.filter((it) => it === mode).length, `synced ${synced}`).toBeGreaterThanOrEqual(19);
    }
  });

  test("the second batch on a disk is not chosen any more for few writes", () => {
    const choice = createChoice(true);
    expect(choice.of(8, 1)).toBe("batch");
    choice.took("batch", 8, 1, 3);
    expect(choice.of(8, 1)).toBe("singles");
  });

  test("any broker, any waves: it costs little more than the cheaper way each time, also after the broker changed", () => {
    fc.assert(
      fc.property(fc.boolean(), brokers, brokers, waves, waves, (synced, first, second, before, after) => {
        const choice = createChoice(synced);
        run(choice, first, before);
        run(choice, second, after);
        const { cost, best } = run(choice, second, [...before, ...after]);
        expect(cost).toBeLessThanOrEqual(best * 1.05 + 60);
      }),
      { numRuns: 40 },
    );
  });

  test("a busy event loop makes two of three look slow, which decides nothing", () => {
    const choice = createChoice(false);
    for (let i = 0; i < 300; i++) choice.took("singles", 10, 1, i % 3 > 0 ? 5 : 0.5);
    for (let i = 0; i < 2; i++) choice.of(64, 1); // what was saved for a try
    expect(choice.of(64, 1)).toBe("singles");
  });

  test.each([
    [{ single: 0.25, batch: 3 }, 64],
    [{ single: 0.25, batch: 3 }, 8],
  ])("a stall is forgotten: %j, %i writes", (broker, count) => {
    const choice = createChoice(true);
    run(choice, { single: 200, batch: 200 }, times(60, count));
    run(choice, broker, times(4000, count));
    const { cost, best } = run(choice, broker, times(400, count));
    expect(cost).toBeLessThanOrEqual(best * 1.05);
  });

  test("a lone write never tries a batch", () => {
    const choice = createChoice(true);
    run(choice, { single: 0.25, batch: 0.4 }, times(1000, 8));
    expect(times(100, 1).map((n) => choice.of(n, 1))).toEqual(times(100, 1).map(() => "singles"));
  });
});
