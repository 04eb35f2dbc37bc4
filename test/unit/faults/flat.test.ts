import { describe, expect, test } from "vitest";
import { growthOf, growthOver } from "../../faults/flat.ts";

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

describe("growth over the lives of a process", () => {
  const life = (from: number, by = 0, count = 40) =>
    samples(Array.from({ length: count }, (_, i) => from + (by * i) / count));

  test.each([
    ["lives that stay where they are", [life(50), life(52), life(50)], 0],
    ["one that grows", [life(50), life(50, 40), life(50)], 29],
    ["each life larger than the one before", [life(50), life(60), life(70)], 20],
    ["the warm-up of a life", [[...life(10, 0, 10), ...life(50)]], 0],
    ["a life that was too short", [life(50), life(50, 90, 35)], 0],
  ])("%s", (_, lives, growth) => {
    expect(growthOver(lives).growth).toBeCloseTo(growth, 0);
  });

  test("none was long enough", () => {
    expect(growthOver([life(50, 90, 35)]).medians).toEqual([]);
  });
});
