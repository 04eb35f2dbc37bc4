import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { delayAfter, DEFAULT_RETRY, retryAfterMs } from "../../../src/client/retry.ts";

const POLICY = { totalMs: 10_000, firstMs: 200, maxMs: 5000 };

describe("the delay before the next attempt", () => {
  test.each([
    [1, 0, undefined, 1, 200],
    [1, 0, undefined, 0, 0],
    [4, 0, undefined, 0.5, 800],
    [9, 0, undefined, 1, 5000],
    [1, 0, 3000, 1, 3000],
    [1, 9900, undefined, 1, undefined],
    [1, 0, 11_000, 0, undefined],
  ])("attempt %i after %i ms, asked for %s, chance %d: %s", (attempt, elapsedMs, asked, chance, delay) => {
    expect(delayAfter(POLICY, { attempt, elapsedMs, retryAfterMs: asked }, () => chance)).toBe(delay);
  });

  test("never ends later than the whole time allows, never starts before the server asked for", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100 }),
        fc.nat(40_000),
        fc.option(fc.nat(60_000), { nil: undefined }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (attempt, elapsedMs, asked, chance) => {
          const delay = delayAfter(DEFAULT_RETRY, { attempt, elapsedMs, retryAfterMs: asked }, () => chance);
          if (delay === undefined) return;
          expect(elapsedMs + delay).toBeLessThanOrEqual(DEFAULT_RETRY.totalMs);
          expect(delay).toBeGreaterThanOrEqual(asked ?? 0);
        },
      ),
    );
  });
});

test.each([
  [null, undefined],
  ["2", 2000],
  ["Thu, 01 Jan 1970 00:00:05 GMT", 4000],
  ["Thu, 01 Jan 1970 00:00:00 GMT", 0],
  ["soon", undefined],
])("Retry-After %j is %s ms", (header, ms) => {
  expect(retryAfterMs(header, 1000)).toBe(ms);
});
