import * as fc from "fast-check";
import { expect, test } from "vitest";
import { seededRandom } from "../../faults/random.ts";

test("a seed repeats", () => {
  const draw = (seed: number): number[] => {
    const random = seededRandom(seed);
    return Array.from({ length: 20 }, () => random.next());
  };
  expect(draw(7)).toEqual(draw(7));
  expect(draw(7)).not.toEqual(draw(8));
});

test("exponential moments have their mean", () => {
  const random = seededRandom(1);
  const drawn = Array.from({ length: 20_000 }, () => random.exponential(100));
  expect(drawn.reduce((a, b) => a + b) / drawn.length).toBeCloseTo(100, -1);
  expect(Math.min(...drawn)).toBeGreaterThanOrEqual(0);
});

test("a shuffled list has the same members", () => {
  fc.assert(
    fc.property(fc.array(fc.integer()), fc.nat(), (list, seed) => {
      const ascending = (a: number, b: number): number => a - b;
      expect(seededRandom(seed).shuffled(list).sort(ascending)).toEqual([...list].sort(ascending));
    }),
  );
});
