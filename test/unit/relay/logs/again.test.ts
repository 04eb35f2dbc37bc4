import { expect, test } from "vitest";
import { needsSomebody, pauseBefore } from "../../../../src/relay/logs/again.ts";

test("a host that is away is tried again soon, what somebody must mend more rarely", () => {
  const pauses = (code: "log_unreachable" | "checkpoint_missing", random: number): number[] =>
    [1, 2, 3, 8, 1000].map((failures) => pauseBefore(failures, code, random));
  expect(pauses("log_unreachable", 0)).toEqual([250, 500, 1000, 5000, 5000]);
  expect(pauses("checkpoint_missing", 0)).toEqual([5000, 10_000, 20_000, 60_000, 60_000]);
  expect(pauses("log_unreachable", 0.999).at(-1)).toBeCloseTo(3751, 0);
});

test.each([
  ["log_unreachable", false],
  ["stream_missing", false],
  ["broker_refused", true],
  ["checkpoint_missing", true],
  ["config_invalid", true],
  ["relay_name_taken", true],
] as const)("%s needs somebody: %o", (code, needs) => expect(needsSomebody(code)).toBe(needs));
