import { expect, test } from "vitest";
import { pairsOf, tableOf } from "../../../bench/compare.ts";
import type { Figure } from "../../../bench/figure.ts";

function figure(what: string, value: number): Figure {
  return {
    row: "path",
    what,
    value,
    unit: "ms",
    budget: { bound: 1, better: "less" },
    detail: "",
    samples: [],
  };
}

test("figures of two revisions are compared round by round", () => {
  const pairs = pairsOf([
    { before: [figure("p50", 4), figure("gone", 1)], now: [figure("p50", 2), figure("new", 1)] },
    { before: [figure("p50", 10)], now: [figure("p50", 4)] },
    { before: [figure("p50", 6)], now: [figure("p50", 6)] },
  ]);
  expect(tableOf(pairs)).toBe("path, p50: 6.00 -> 4.00 ms, times 0.50 (4.00 10.0 6.00 | 2.00 4.00 6.00)");
});
