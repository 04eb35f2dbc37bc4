import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  failingShare,
  mayStart,
  mustYield,
  slowAfter,
  type InFlight,
  type Repute,
} from "../../../../src/relay/lanes/share.ts";

describe("ISOLATE-1: fair share", () => {
  const connections = fc.integer({ min: 1, max: 64 });
  const record = fc.constantFrom<Repute>("proven", "unproven", "failing");

  test("whatever starts and ends: never more than the connections, failing ones a quarter, the last quarter for proven ones", () => {
    fc.assert(
      fc.property(
        connections,
        fc.array(fc.record({ record, start: fc.boolean() }), { maxLength: 200 }),
        (n, steps) => {
          const inFlight: InFlight = { proven: 0, unproven: 0, failing: 0 };
          for (const it of steps) {
            if (it.start && mayStart(it.record, inFlight, n)) inFlight[it.record]++;
            else if (!it.start && inFlight[it.record] > 0) inFlight[it.record]--;
            const { proven, unproven, failing } = inFlight;
            expect(proven + unproven + failing).toBeLessThanOrEqual(n);
            expect(failing).toBeLessThanOrEqual(failingShare(n));
            if (n > 1) expect(unproven + failing).toBeLessThanOrEqual(n - failingShare(n));
            if (unproven + failing + proven < n) expect(mayStart("proven", inFlight, n)).toBe(true);
          }
        },
      ),
    );
  });

  test("everybody may start on an idle relay", () => {
    fc.assert(
      fc.property(connections, record, (n, it) => {
        expect(mayStart(it, { proven: 0, unproven: 0, failing: 0 }, n)).toBe(true);
      }),
    );
  });

  test("the oldest of the slow ones yield, beyond the failing share, and none that is not slow", () => {
    const ages = fc.array(fc.nat(3000), { maxLength: 64 });
    fc.assert(
      fc.property(ages, fc.option(fc.nat(200), { nil: undefined }), connections, (list, typical, n) => {
        const yields = mustYield(list, typical, n);
        const limit = slowAfter(typical);
        const slow = list.filter((age) => age > limit);
        expect(yields).toHaveLength(Math.max(0, slow.length - failingShare(n)));
        const given = yields.map((i) => list[i] ?? 0);
        expect(given.every((age) => age > limit)).toBe(true);
        const kept = list.filter((age, i) => age > limit && !yields.includes(i));
        expect(Math.min(Infinity, ...given)).toBeGreaterThanOrEqual(Math.max(0, ...kept));
      }),
    );
  });

  test("slow is ten times the usual, but at least 250 ms", () => {
    expect([slowAfter(undefined), slowAfter(1), slowAfter(25), slowAfter(100)]).toEqual([
      250, 250, 250, 1000,
    ]);
  });
});
