import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { check, firstApplied, markerOf, readMarker, unexcused, type Arrival } from "../../faults/checker.ts";

const at = 0;

function arrival(marker: string, more: Partial<Arrival> = {}): Arrival {
  return { at, marker, key: `k-${marker}`, applied: true, ...more };
}

function acknowledged(...markers: string[]): { marker: string }[] {
  return markers.map((marker) => ({ marker }));
}

const none: ReadonlySet<string> = new Set();

test("a marker names session and number, whatever the session is called", () => {
  fc.assert(
    fc.property(
      fc.string({ minLength: 1 }).filter((s) => !/[\n\r\u2028\u2029]/.test(s)),
      fc.nat(),
      (session, n) => {
        expect(readMarker(markerOf(session, n))).toEqual({ session, n });
      },
    ),
  );
  expect(readMarker("nothing")).toBeUndefined();
});

describe("DURABLE-1, SETTLE-1: acknowledged is delivered or a dead letter", () => {
  test("what never arrived is lost", () => {
    const found = check({ acknowledged: acknowledged("s:1", "s:2"), arrivals: [arrival("s:1")], dead: none });
    expect(found).toMatchObject({ acknowledged: 2, delivered: 1, lost: ["s:2"] });
  });

  test("what arrived and was never carried out is lost", () => {
    const arrivals = [arrival("s:1", { applied: false })];
    expect(check({ acknowledged: acknowledged("s:1"), arrivals, dead: none }).lost).toEqual(["s:1"]);
  });

  test("a dead letter is not lost", () => {
    const found = check({ acknowledged: acknowledged("s:1"), arrivals: [], dead: new Set(["s:1"]) });
    expect(found).toMatchObject({ dead: 1, lost: [] });
  });

  test("what was delivered without an acknowledgement is no fault", () => {
    expect(check({ acknowledged: [], arrivals: [arrival("s:1")], dead: none }).lost).toEqual([]);
  });
});

describe("ORDER-1: order by first arrival", () => {
  test("a first arrival after a later one is an inversion", () => {
    const arrivals = [arrival("s:1"), arrival("s:3"), arrival("s:2")];
    expect(check({ acknowledged: [], arrivals, dead: none })).toMatchObject({
      inversions: ["s:2"],
      early: ["s:3"],
    });
  });

  test("sessions do not disturb each other", () => {
    const arrivals = [arrival("a:1"), arrival("b:1"), arrival("a:2"), arrival("b:2")];
    expect(check({ acknowledged: [], arrivals, dead: none })).toMatchObject({ inversions: [], early: [] });
  });

  test("a repeat of an earlier one is no inversion", () => {
    const arrivals = [arrival("s:1"), arrival("s:2"), arrival("s:1")];
    expect(check({ acknowledged: [], arrivals, dead: none })).toMatchObject({ inversions: [], early: [] });
  });

  test("sent while its predecessor is only tried is early, after a dead letter it is not", () => {
    const arrivals = [arrival("s:1", { applied: false }), arrival("s:2")];
    expect(check({ acknowledged: [], arrivals, dead: none }).early).toEqual(["s:2"]);
    expect(check({ acknowledged: [], arrivals, dead: new Set(["s:1"]) }).early).toEqual([]);
  });

  test("the stand-in's own marks are counted", () => {
    const arrivals = [arrival("s:1", { stale: true }), arrival("s:2", { inverted: true })];
    expect(check({ acknowledged: [], arrivals, dead: none }).stale).toBe(2);
  });
});

describe("ONCE-1: repeats are counted and carry the first key", () => {
  test("only what comes again after it was carried out is a repeat", () => {
    const tried = arrival("s:1", { applied: false });
    const arrivals = [tried, tried, arrival("s:1"), arrival("s:1"), tried];
    expect(check({ acknowledged: [], arrivals, dead: none }).repeats).toHaveLength(2);
  });

  test("another key, or none, is reported", () => {
    const arrivals = [arrival("s:1"), arrival("s:1", { key: "other" })];
    expect(check({ acknowledged: [], arrivals, dead: none }).strangeKeys).toEqual(["s:1"]);
    const { key: _, ...bare } = arrival("t:1");
    expect(check({ acknowledged: [], arrivals: [bare, bare], dead: none }).strangeKeys).toEqual(["t:1"]);
  });

  test("a key other than the event id of the 202 is reported", () => {
    const told = [{ marker: "s:1", eventId: "promised" }];
    expect(check({ acknowledged: told, arrivals: [arrival("s:1")], dead: none }).strangeKeys).toEqual([
      "s:1",
    ]);
  });
});

describe("ONCE-1: only a crash shortly after excuses a repeat", () => {
  const twice = (first: number, again: number): Arrival[] => [
    arrival("s:1", { at: first }),
    arrival("s:1", { at: again }),
  ];

  test.each([
    { crashes: [5500], first: 5000, again: 9000, excused: true },
    { crashes: [6000], first: 5000, again: 9000, excused: true },
    { crashes: [6001], first: 5000, again: 9000, excused: false },
    { crashes: [4000], first: 5000, again: 9000, excused: false },
    { crashes: [4850], first: 5000, again: 9000, excused: true },
    { crashes: [], first: 5000, again: 9000, excused: false },
    { crashes: [4000, 5900], first: 5000, again: 5500, excused: false },
    { crashes: [1000, 5100, 7000], first: 5000, again: 5200, excused: true },
  ])("crashes at $crashes: carried out at $first, again at $again", ({ crashes, first, again, excused }) => {
    expect(unexcused(twice(first, again), crashes)).toHaveLength(excused ? 0 : 1);
  });

  test("the first time that counts is the one that was carried out", () => {
    const arrivals = [arrival("s:1", { at: 1, applied: false }), ...twice(5000, 9000)];
    expect(firstApplied(arrivals)).toEqual(new Map([["s:1", 5000]]));
    expect(unexcused(arrivals, [500])).toHaveLength(1);
  });
});

test("whatever is delivered once and in order, between any repeats, has no fault", () => {
  const history = fc.array(fc.record({ session: fc.constantFrom("a", "b", "c"), again: fc.nat(3) }));
  fc.assert(
    fc.property(history, (steps) => {
      const next = new Map<string, number>();
      const arrivals = steps.flatMap(({ session, again }) => {
        const n = (next.get(session) ?? 0) + 1;
        next.set(session, n);
        return [markerOf(session, n), ...(again > 0 && n > again ? [markerOf(session, n - again)] : [])];
      });
      const found = check({
        acknowledged: acknowledged(...new Set(arrivals)),
        arrivals: arrivals.map((marker) => arrival(marker)),
        dead: none,
      });
      const fresh = new Set(arrivals).size;
      expect(found).toMatchObject({ lost: [], inversions: [], early: [], strangeKeys: [], delivered: fresh });
      expect(found.repeats).toHaveLength(arrivals.length - fresh);
    }),
  );
});

test("of any two neighbours of a session that are swapped, the checker says so", () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 50 }), fc.nat(), (length, where) => {
      const arrivals = Array.from({ length }, (_, i) => arrival(markerOf("s", i + 1)));
      const i = where % (length - 1);
      arrivals.splice(i, 2, ...arrivals.slice(i, i + 2).toReversed());
      const found = check({ acknowledged: [], arrivals, dead: none });
      expect(found.inversions).toEqual([markerOf("s", i + 1)]);
      expect(found.early).toContain(markerOf("s", i + 2));
    }),
  );
});
