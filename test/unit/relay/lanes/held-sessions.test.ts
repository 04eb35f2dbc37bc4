import * as fc from "fast-check";
import { expect, test } from "vitest";
import { createHeldWorld } from "./held-world.ts";
import { type Step, session, run, heal } from "./held-steps.ts";

const step: fc.Arbitrary<Step> = fc.oneof(
  weighted(6, "append", { session, count: fc.integer({ min: 1, max: 12 }) }),
  weighted(6, "deliver", { count: fc.integer({ min: 1, max: 30 }) }),
  weighted(8, "pass", { ms: fc.constantFrom(1, 7, 60, 600, 3000) }),
  weighted(2, "sick", { session }),
  weighted(2, "well", { session }),
  weighted(2, "slow", { ms: fc.constantFrom(1, 5, 300, 2000) }),
  weighted(1, "poison", { ahead: fc.nat(5) }),
  weighted(2, "pause", { session }),
  weighted(1, "unpause", { session }),
  weighted(1, "resume", { skip: fc.boolean() }),
  weighted(1, "broker", { delayMs: fc.constantFrom(1, 20, 700), down: fc.boolean() }),
  weighted(3, "save", {}),
  weighted(1, "takeOver", {}),
  weighted(1, "crash", {}),
);

function weighted(
  weight: number,
  name: Step["do"],
  fields: Record<string, fc.Arbitrary<unknown>>,
): { weight: number; arbitrary: fc.Arbitrary<Step> } {
  return { weight, arbitrary: fc.record({ do: fc.constant(name), ...fields }) as fc.Arbitrary<Step> };
}

const plan = fc.record({
  steps: fc.array(step, { minLength: 1, maxLength: 120, size: "max" }),
  holdAbove: fc.constantFrom(3, 8),
  batchMax: fc.constantFrom(1, 1, 5),
  savedCrashes: fc.boolean(),
});

test("ORDER-1, SETTLE-1, ONCE-1: sessions are held, filled, parked, paused, resumed and joined at any moment, through takeovers and crashes", async () => {
  await fc.assert(
    fc.asyncProperty(plan, async ({ steps, ...options }) => {
      const world = createHeldWorld(options);
      await world.life.takeOver();
      for (const it of steps) await run(world, it);
      await heal(world);
      expect(world.broken).toEqual([]);
      expect(world.log.filter(({ seq }) => !world.delivered.has(seq))).toEqual([]);
      expect([...world.bucket.keys()]).toEqual([]);
      expect(world.life.dispatcher.counts()).toMatchObject({ waiting: 0, wholeBytes: 0 });
    }),
    { numRuns: 200 },
  );
});
