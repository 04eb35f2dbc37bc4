import { describe, expect, test } from "vitest";
import { Refusals } from "../../../../src/relay/coordinator/refusals.ts";

describe("Refusals", () => {
  const run = (refused: number, accepted: number, sessions: number): boolean => {
    const refusals = new Refusals();
    for (let i = 0; i < accepted; i++) refusals.record(i, `s${i}`, false);
    let rule = false;
    for (let i = 0; i < refused; i++) rule = refusals.record(accepted + i, `s${i % sessions}`, true);
    return rule;
  };

  test.each([
    [11, 9, 5, true],
    [10, 10, 5, false],
    [19, 0, 5, false],
    [20, 0, 5, true],
    [100, 0, 4, false],
  ])("%i refused and %i accepted over %i sessions: the rule? %s", (refused, accepted, sessions, rule) => {
    expect(run(refused, accepted, sessions)).toBe(rule);
  });
});
