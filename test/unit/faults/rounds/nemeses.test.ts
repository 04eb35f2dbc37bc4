import { expect, test } from "vitest";
import { planOf } from "../../../faults/rounds/nemeses.ts";

const NAMES = ["kill -9: a", "kill -9: b", "stop: a", "link cut: a – b", "coordinator answers 503"];

function firsts(seed: number, from: number): string[] {
  return NAMES.map((_, i) => planOf(seed, from + i, NAMES).nemeses[0] ?? "");
}

test("each nemesis has its turn before one comes again, in an order of the seed's own", () => {
  for (const seed of [1, 2, 3]) {
    for (const deck of [0, 1]) {
      expect(new Set(firsts(seed, 1 + deck * NAMES.length))).toEqual(new Set(NAMES));
    }
  }
  expect(new Set([1, 2, 3, 4].map((seed) => firsts(seed, 1).join())).size).toBeGreaterThan(1);
});

test("a round has the same plan in whatever piece it is played", () => {
  const shown = (round: number): unknown => {
    const { nemeses, forMs } = planOf(7, round, NAMES);
    return { nemeses, forMs };
  };
  for (let round = 1; round < 30; round++) expect(shown(round)).toEqual(shown(round));
  expect(shown(3)).not.toEqual(shown(3 + NAMES.length));
});

test("a trouble of the coordinator has a kill beside it now and then, and no other has", () => {
  const plans = Array.from({ length: 200 }, (_, i) => planOf(1, i + 1, NAMES).nemeses);
  const pairs = plans.filter(({ length }) => length === 2);
  expect(pairs.length).toBeGreaterThan(5);
  for (const [first, second] of pairs) {
    expect(first).toBe("coordinator answers 503");
    expect(second).toMatch(/^kill -9: [ab]$/);
  }
});
