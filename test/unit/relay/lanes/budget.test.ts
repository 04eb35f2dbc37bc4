import { describe, expect, test } from "vitest";
import { Budget } from "../../../../src/relay/lanes/budget.ts";

describe("BOUND-1: the budget of whole messages", () => {
  test("takes what fits, a head in any case", () => {
    const budget = new Budget(() => 100);
    expect(budget.tryTake(60)).toBe(true);
    expect(budget.tryTake(41)).toBe(false);
    expect(budget.tryTake(40)).toBe(true);
    budget.take(500);
    expect(budget.used).toBe(600);
    expect(budget.tryTake(0)).toBe(false);
    budget.give(600);
    expect(budget.used).toBe(0);
  });
});
