import { expect, test } from "vitest";
import { compare } from "../../../faults/watch/comparison.ts";

test.each([
  [[1, 2, 5], {}],
  [[1, 5], { gaps: [2] }],
  [[1, 2], { gaps: [5] }],
  [[], { gaps: [1, 2, 5] }],
  [[1, 2, 2, 5], { repeats: [2] }],
  [[1, 2, 5, 1, 2, 5], { repeats: [1, 2, 5] }],
  [[2, 1, 5], { inversions: [1] }],
  [[1, 2, 3, 5], { strangers: [3] }],
])("%j of 1, 2, 5", (seen, wrong) => {
  const none = { gaps: [], repeats: [], inversions: [], strangers: [] };
  expect(compare(seen, [1, 2, 5])).toEqual({ ...none, ...wrong, checked: seen.length });
});
