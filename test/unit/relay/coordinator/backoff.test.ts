import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  delayFor,
  FIRST_DELAY_MS,
  MAX_DELAY_MS,
  MAX_RETRY_AFTER_MS,
  retryAfterMs,
} from "../../../../src/relay/coordinator/backoff.ts";

describe("the delay before the next attempt", () => {
  const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

  test("doubles from 500 ms to 30 s, with full jitter", () => {
    const ceilings = [1, 2, 3, 6, 7, 8, 1000].map((attempt) => delayFor(attempt, 1));
    expect(ceilings).toEqual([500, 1000, 2000, 16_000, 30_000, 30_000, 30_000]);
    expect(delayFor(5, 0)).toBe(0);
  });

  test("is never less than what was asked for, as long as that is sensible, and never more than both", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e6 }), unit, fc.nat(1e9), (attempt, random, asked) => {
        const delay = delayFor(attempt, random, asked);
        expect(delay).toBeGreaterThanOrEqual(Math.min(asked, MAX_RETRY_AFTER_MS));
        expect(delay).toBeLessThanOrEqual(Math.max(MAX_DELAY_MS, Math.min(asked, MAX_RETRY_AFTER_MS)));
        if (asked === 0) expect(delay).toBeLessThan(FIRST_DELAY_MS * 2 ** Math.min(attempt - 1, 30));
      }),
    );
  });

  test.each<[string | undefined, number | undefined]>([
    [undefined, undefined],
    ["0", 0],
    ["120", 120_000],
    [" 5 ", 5000],
    ["soon", undefined],
    ["", undefined],
    ["Sat, 21 Nov 2026 12:00:30 GMT", 30_000],
    ["Sat, 21 Nov 2026 11:00:00 GMT", 0],
  ])("Retry-After %j", (header, ms) => {
    expect(retryAfterMs(header, Date.UTC(2026, 10, 21, 12))).toBe(ms);
  });

  test("whatever a Retry-After says, it is no time or one that is not negative", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.integer().map(String)), (header) => {
        const ms = retryAfterMs(header, 1e12);
        if (ms !== undefined) expect(ms).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});
