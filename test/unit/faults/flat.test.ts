import { expect, test } from "vitest";
import { growthOf } from "../../faults/flat.ts";

const samples = (values: number[]) => values.map((value, i) => ({ at: i * 1000, value }));

test.each([
  ["what stays", [5, 5, 5, 5], 0],
  ["a straight line", [10, 12, 14, 16], 6],
  ["a heap that breathes", Array.from({ length: 60 }, (_, i) => 50 + 10 * (i % 3)), 0],
  ["a peak", [50, 50, 90, 50, 50], 0],
  ["no samples", [], 0],
])("growth of %s", (_, values, growth) => {
  expect(growthOf(samples(values))).toBeCloseTo(growth);
});
