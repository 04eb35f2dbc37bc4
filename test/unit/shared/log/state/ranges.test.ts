import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  atMost,
  countOf,
  rangesOf,
  startingAt,
  without,
} from "../../../../../src/shared/log/state/ranges.ts";

const numbers = fc.uniqueArray(fc.integer({ min: 1, max: 60 })).map((all) => all.sort((a, b) => a - b));
const all = (ranges: readonly [number, number][]): number[] =>
  ranges.flatMap(([a, b]) => Array.from({ length: b - a + 1 }, (_, i) => a + i));

test("ranges are the numbers that they were made of", () => {
  fc.assert(
    fc.property(numbers, numbers, fc.integer({ min: 1, max: 60 }), (some, others, first) => {
      const ranges = rangesOf(some);
      expect(all(ranges)).toEqual(some);
      expect(countOf(ranges)).toBe(some.length);
      expect(all(without(ranges, rangesOf(others)))).toEqual(some.filter((n) => !others.includes(n)));
      expect(all(startingAt(ranges, first))).toEqual(some.filter((n) => n >= first));
      const few = atMost(ranges, 3);
      expect(few.length).toBeLessThanOrEqual(3);
      expect(all(few)).toEqual(expect.arrayContaining(some));
    }),
  );
});

test("neighbours are one range", () => {
  expect(rangesOf([1, 2, 3, 7, 9, 10])).toEqual([
    [1, 3],
    [7, 7],
    [9, 10],
  ]);
});
