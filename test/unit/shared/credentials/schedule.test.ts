import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  refreshAfterMs,
  refusalDelayMs,
  retryDelayMs,
  usableMs,
} from "../../../../src/shared/credentials/schedule.ts";

const S = 1000;

describe("when the next token is fetched", () => {
  test.each([
    { ttl: 86_400, after: 0.9 * 86_400 },
    { ttl: 3600, after: 3240 }, // 0.9 TTL is sooner than TTL − 60 s
    { ttl: 600, after: 540 },
    { ttl: 300, after: 240 }, // TTL − 60 s is sooner
    { ttl: 120, after: 60 },
    { ttl: 61, after: 30.5 }, // not one second later, over and over
    { ttl: 10, after: 5 },
  ])("a token of $ttl s is replaced after $after s", ({ ttl, after }) => {
    expect(refreshAfterMs(ttl * S)).toBe(after * S);
  });

  test("for every life time it is before the end of use, not before half of it, and a timer can hold it", () => {
    fc.assert(
      fc.property(fc.double({ min: 0.001, max: 1e15, noNaN: true }), (ttl) => {
        const after = refreshAfterMs(ttl);
        expect(after).toBeGreaterThan(0);
        expect(after).toBeLessThan(usableMs(ttl));
        expect(usableMs(ttl)).toBeLessThan(ttl);
        expect(after).toBeLessThan(2 ** 31);
        if (ttl < 24 * 3600 * S) expect(after).toBeGreaterThanOrEqual(ttl / 2);
        if (ttl >= 120 * S) expect(after).toBeLessThanOrEqual(Math.min(0.9 * ttl, ttl - 60 * S));
      }),
    );
  });
});

describe("pauses", () => {
  test("between failed attempts grow to 10 s, or 30 s for a refused client, with half of them jitter", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000 }),
        fc.constantFrom("token_unavailable" as const, "credentials_invalid" as const),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (failures, code, chance) => {
          const cap = code === "token_unavailable" ? 10 * S : 30 * S;
          const full = Math.min(cap, 500 * 2 ** (failures - 1));
          const delay = retryDelayMs(failures, code, () => chance);
          expect(delay).toBeGreaterThanOrEqual(full / 2);
          expect(delay).toBeLessThanOrEqual(full);
        },
      ),
    );
  });

  test("honour the issuer's Retry-After up to 5 min", () => {
    expect(retryDelayMs(1, "token_unavailable", () => 0, 60 * S)).toBe(60 * S);
    expect(retryDelayMs(9, "token_unavailable", () => 0.5, 1 * S)).toBe(7.5 * S);
    expect(retryDelayMs(1, "token_unavailable", () => 0, 9e9)).toBe(300 * S);
  });

  test("after the coordinator's refusals: none, 5 s, 10 s, … 5 min", () => {
    expect([1, 2, 3, 4, 8, 9, 1e9].map(refusalDelayMs)).toEqual(
      [0, 5, 10, 20, 300, 300, 300].map((s) => s * S),
    );
  });
});
