import { expect, test } from "vitest";
import { verdictOf } from "../../../bench/figure.ts";

const more = { bound: 0.22, stretch: 0.4, better: "more" } as const;
const less = { bound: 4, better: "less" } as const;

test.each([
  [0.2196, more, "yes"], // shown as 0.220
  [0.219, more, "no"],
  [0.4, more, "aim"],
  [4.004, less, "yes"],
  [4.02, less, "no"],
  [1, less, "yes"], // nothing to strive for
])("%d keeps its budget as it is shown", (value, budget, verdict) => {
  expect(verdictOf({ value, budget })).toBe(verdict);
});

test("a figure without a budget has no verdict", () => {
  expect(verdictOf({ value: 1 })).toBeUndefined();
});
