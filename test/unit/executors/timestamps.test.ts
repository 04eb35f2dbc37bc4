import * as fc from "fast-check";
import { expect, test } from "vitest";
import { createTimestamps, timestampOf } from "../../../src/executors/timestamps.ts";

test("a time is written as the coordinator writes it", () => {
  expect(timestampOf(Date.UTC(2026, 10, 21, 1, 41, 39, 557) * 1000 + 7)).toBe(
    "2026-11-21T01:41:39.557007+00:00",
  );
});

test("each is later than the one before, as a text, also when the clock stands still or is set back", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 4_000_000_000_000 }), { minLength: 2 }), (times) => {
      const at = [...times];
      const next = createTimestamps(() => at.shift() ?? 0);
      const made = times.map(() => next());
      expect(made.toSorted()).toEqual(made);
      expect(new Set(made).size).toBe(made.length);
    }),
  );
});
