import * as fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import type { HeldPlace } from "../../../../../src/shared/log/state/held.ts";
import type { LogCheck } from "../../../../../src/shared/log/state/log-check.ts";
import {
  claimed,
  claimsOf,
  isLost,
  joined,
  type HeldClaim,
} from "../../../../../src/shared/log/state/lost-pointers.ts";

const place = (session: string, from: number): HeldPlace => [session, from, "paused"];

describe("SETTLE-1: which pointers are lost", () => {
  test.each([
    ["nothing is there", undefined, true],
    ["it is there", { seq: 3, deleted: false }, false],
    ["it is there, written again since", { seq: 30, deleted: false }, false],
    ["it was deleted since", { seq: 11, deleted: true }, false],
    ["an earlier one was deleted, and its successor is gone", { seq: 9, deleted: true }, true],
  ])("%s", (_, last, lost) => {
    expect(isLost({ place: place("a", 1), since: 10 }, last)).toBe(lost);
  });

  it("a claim that may be older than a deletion is answered by any", () => {
    const [claim] = claimed([place("a", 1)]);
    expect(isLost(claim as HeldClaim, { seq: 1, deleted: true })).toBe(false);
  });

  it("of several claims the lowest place counts, and the newest time", () => {
    const claims = fc.array(
      fc.record({
        place: fc.tuple(fc.constantFrom("a", "b"), fc.nat(), fc.constant("parked" as const)),
        since: fc.nat(),
      }),
    );
    fc.assert(
      fc.property(claims, (given) => {
        const found = joined(given);
        expect(new Set(found.map(({ place: [session] }) => session)).size).toBe(found.length);
        for (const {
          place: [session, from],
          since,
        } of given) {
          const one = found.find(({ place: [name] }) => name === session);
          expect(one?.place[1]).toBeLessThanOrEqual(from);
          expect(one?.since).toBeGreaterThanOrEqual(since);
        }
      }),
    );
  });

  it("marks and checkpoints of another log claim nothing", () => {
    const check = (created: string): LogCheck =>
      ({
        log: { created: "now" },
        mark: { mark: { created, held: [place("a", 1)] }, revision: 7 },
        checkpoints: [undefined, { checkpoint: { stream: created, held: [place("b", 2)] }, revision: 9 }],
      }) as unknown as LogCheck;
    expect(claimsOf(check("before"))).toEqual([]);
    expect(claimsOf(check("now"))).toEqual([
      { place: place("a", 1), since: 0 },
      { place: place("b", 2), since: 9 },
    ]);
  });
});
