import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Outcomes } from "../../../../src/relay/coordinator/outcomes.ts";

describe("Outcomes", () => {
  test("counts what happened within the window, to a tenth of it", () => {
    const event = fc.record({
      after: fc.nat(2500),
      session: fc.constantFrom("a", "b", "c"),
      hit: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(event, { minLength: 1, maxLength: 60 }), (events) => {
        const outcomes = new Outcomes(10_000);
        let now = 1000;
        const all: { at: number; session: string; hit: boolean }[] = [];
        for (const { after, session, hit } of events) {
          now += after;
          outcomes.record(now, session, hit);
          all.push({ at: now, session, hit });
        }
        const within = (ms: number): typeof all => all.filter(({ at }) => now - at < ms);
        const { attempts, hits, sessions } = outcomes.summary();
        expect(attempts).toBeGreaterThanOrEqual(within(9000).length);
        expect(attempts).toBeLessThanOrEqual(within(10_000).length);
        expect(hits).toBeLessThanOrEqual(attempts);
        const sessionsWithin = (ms: number): number =>
          new Set(
            within(ms)
              .filter((e) => e.hit)
              .map((e) => e.session),
          ).size;
        expect(sessions).toBeGreaterThanOrEqual(sessionsWithin(9000));
        expect(sessions).toBeLessThanOrEqual(sessionsWithin(10_000));
      }),
    );
  });
});
