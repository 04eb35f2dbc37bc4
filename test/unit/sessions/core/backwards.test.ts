import { assert, asyncProperty, integer, uniqueArray } from "fast-check";
import { expect, test } from "vitest";
import { startBefore } from "../../../../src/sessions/core/backwards.ts";

const places = uniqueArray(integer({ min: 1, max: 100_000 }), { maxLength: 200 });

test("from the place that is found, the last events before another one follow, or all there are", async () => {
  await assert(
    asyncProperty(
      places,
      integer({ min: 0, max: 100_001 }),
      integer({ min: 1, max: 250 }),
      async (all, before, limit) => {
        const sorted = all.toSorted((a, b) => a - b);
        const start = await startBefore(async (from) => sorted.filter((it) => it >= from).length, {
          before,
          limit,
        });
        const found = sorted.filter((it) => it >= start && it < before);
        expect(found).toEqual(sorted.filter((it) => it < before).slice(-limit));
      },
    ),
  );
});

test("few questions are asked, however far apart the events lie", async () => {
  const sorted = [5, 6, 7, 40_000_000, 40_000_001];
  let asked = 0;
  const count = async (from: number): Promise<number> => {
    asked++;
    return sorted.filter((it) => it >= from).length;
  };
  expect(await startBefore(count, { before: 40_000_001, limit: 2 })).toBe(7);
  expect(asked).toBeLessThan(60);
});
