import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Gaps } from "../../../../src/relay/source/gaps.ts";
import { Lease, LEASE_MARGIN_MS } from "../../../../src/relay/source/lease.ts";
import { PRIORITY_TIMEOUT_MS } from "../../../../src/shared/log/schema/topology.ts";

describe("Gaps", () => {
  test("counts what is missing, per session and epoch; what comes again is no gap", () => {
    const gaps = new Gaps();
    expect(gaps.check("a", "e", 5)).toBe(0); // the first that is seen
    expect(gaps.check("a", "e", 6)).toBe(0);
    expect(gaps.check("a", "e", 9)).toBe(2);
    expect(gaps.check("a", "e", 6)).toBe(0);
    expect(gaps.check("a", "e", 10)).toBe(0);
    expect(gaps.check("a", "f", 1)).toBe(0);
    expect(gaps.check("b", "e", 1)).toBe(0);
    expect(gaps.check("a", "e", 12)).toBe(1);
  });

  test("a session whose name holds an epoch's is another one", () => {
    const gaps = new Gaps();
    gaps.check("b", "1", 1);
    expect(gaps.check("1 b", "", 7)).toBe(0);
  });

  test("whatever is lost is counted once, whatever is repeated", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 2, max: 60 })), fc.array(fc.nat(100)), (lost, repeats) => {
        const gaps = new Gaps();
        const stored = Array.from({ length: 61 }, (_, i) => i + 1).filter((s) => !lost.includes(s));
        const last = stored.at(-1) ?? 1;
        let missing = 0;
        for (const [i, s] of stored.entries()) {
          missing += gaps.check("s", "e", s);
          const repeat = stored[(repeats[i] ?? 0) % (i + 1)] ?? s;
          missing += gaps.check("s", "e", repeat);
        }
        expect(missing).toBe(lost.filter((s) => s < last).length);
      }),
    );
  });

  test("BOUND-1: the session that was met first is forgotten", () => {
    const gaps = new Gaps();
    gaps.check("old", "e", 1);
    gaps.check("kept", "e", 2);
    for (let i = 0; i < 49_999; i++) gaps.check(`s${i}`, "e", 1);
    expect(gaps.check("kept", "e", 9)).toBe(6);
    expect(gaps.check("old", "e", 9)).toBe(0);
  });
});

describe("ORDER-1: the lease", () => {
  const LASTS = PRIORITY_TIMEOUT_MS - LEASE_MARGIN_MS;

  test("is not held before it was confirmed, ends before the pin does, and when it is revoked", () => {
    const lease = new Lease();
    expect(lease.holds(0)).toBe(false);
    expect(lease.holds(10_000)).toBe(false);
    lease.confirm(10_000);
    expect(lease.holds(10_000 + LASTS - 1)).toBe(true);
    expect(lease.holds(10_000 + LASTS)).toBe(false);
    lease.confirm(20_000);
    lease.revoke();
    expect(lease.holds(20_001)).toBe(false);
  });

  test("an older confirmation that comes late does not shorten it", () => {
    const lease = new Lease();
    lease.confirm(10_000);
    lease.confirm(9000);
    expect(lease.holds(10_000 + LASTS - 1)).toBe(true);
  });
});
