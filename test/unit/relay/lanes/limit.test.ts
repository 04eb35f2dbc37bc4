import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { firstLimit, stepLimit, type Limit, type LimitEvent } from "../../../../src/relay/lanes/limit.ts";

const TOTAL = 32;

function after(limit: Limit, ...events: LimitEvent[]): Limit {
  return events.reduce((now, event) => stepLimit(now, event, TOTAL), limit);
}

/** A round in which lanes waited, at the rate that this number of places and this latency give. */
function round(now: number, ms: number, places: number): LimitEvent {
  return { on: "round", now, ms, rate: places / ms, wanting: true };
}

function refused(now: number, inFlight: number, began = now - 1): LimitEvent {
  return { on: "refused", began, now, inFlight };
}

const FULL = after(firstLimit(TOTAL), round(100, 20, 4), round(200, 20, 8), round(300, 20, 16));

describe("how many requests may be under way", () => {
  test("doubles from four until the setting is reached", () => {
    expect(firstLimit(TOTAL).most).toBe(4);
    expect(after(firstLimit(TOTAL), round(100, 20, 4)).most).toBe(8);
    expect(FULL.most).toBe(32);
    expect(after(FULL, round(400, 20, 32)).most).toBe(32);
    expect(firstLimit(2).most, "the setting may be lower").toBe(2);
  });

  test("grows without an answer, too, because what is under way may hang", () => {
    expect(after(firstLimit(TOTAL), { on: "silence" }).most).toBe(8);
  });

  test("a refusal takes a quarter away, once in a round trip, and what was too many is not tried at once", () => {
    const limit = after(FULL, refused(400, 9), refused(401, 8, 399), refused(402, 8, 400));
    expect(limit).toMatchObject({ most: 6, ceiling: 8 });
    expect(after(limit, round(500, 20, 6), round(600, 20, 8)).most).toBe(8);
    expect(after(limit, refused(500, 6)).most, "a later one does so again").toBe(4);
  });

  test("what was too many is tried again after a second, then with two more, then with four", () => {
    let limit = after(FULL, refused(400, 9));
    const most: number[] = [];
    for (let now = 900; now < 7000; now += 500) {
      limit = after(limit, round(now, 20, limit.most));
      most.push(limit.most);
    }
    expect(most).toEqual([8, 9, 9, 11, 11, 15, 15, 23, 23, 32, 32, 32, 32]);
  });

  test("answers that take far longer than usual take a quarter away, and it stays so if the rate does", () => {
    const limit = after(FULL, round(400, 80, 32));
    expect(limit).toMatchObject({ most: 24, ceiling: 31 });
    expect(after(limit, round(500, 60, 24)).most, "they still take too long").toBe(18);
    expect(after(limit, round(500, 40, 16)).most, "now they do not").toBe(31);
  });

  test("if fewer requests cost rate, the latency had another reason, and it is no sign for ten seconds", () => {
    const slower = after(FULL, round(400, 80, 32), round(500, 80, 24));
    expect(slower.most).toBe(32);
    expect(after(slower, round(600, 80, 32)).most).toBe(32);
    expect(after(slower, round(10_600, 80, 32)).most).toBe(24);
  });

  test("few milliseconds more are no sign", () => {
    expect(after(firstLimit(TOTAL), round(100, 1, 4), round(200, 11, 8)).most).toBe(16);
  });

  test("while no lane waits, it grows up to what is known to be well, and the latency is no sign", () => {
    const quiet: LimitEvent = { on: "round", now: 400, ms: 5, rate: 1, wanting: false };
    expect(after(FULL, { ...quiet, ms: 80 })).toEqual(FULL);
    expect(after(FULL, quiet)).toEqual({ ...FULL, usualMs: 5 });
    expect(after(firstLimit(TOTAL), quiet).most).toBe(8);
    const limit = after(FULL, refused(400, 9), { ...quiet, now: 2000 }, { ...quiet, now: 4000 });
    expect(limit.most, "what was too many is tried when lanes wait").toBe(8);
    const tried = after(FULL, round(400, 80, 32));
    expect(after(tried, { ...quiet, now: 500, ms: 80 }).most, "what is on trial is taken back").toBe(32);
  });
});

describe("whatever happens", () => {
  const total = fc.integer({ min: 1, max: 1024 });
  const what = fc.record({
    kind: fc.constantFrom("refused", "round", "silence"),
    wait: fc.nat(3000),
    took: fc.nat(3000),
    rate: fc.double({ min: 0.001, max: 100, noNaN: true }),
    wanting: fc.boolean(),
  });

  function eventOf(
    it: typeof what extends fc.Arbitrary<infer T> ? T : never,
    now: number,
    most: number,
  ): LimitEvent {
    if (it.kind === "silence") return { on: "silence" };
    if (it.kind === "round") return { on: "round", now, ms: it.took, rate: it.rate, wanting: it.wanting };
    return { on: "refused", began: now - it.took, now, inFlight: most };
  }

  test("it stays between four and the setting, is lowered at most once per round trip, and comes back to the setting when all is well", () => {
    fc.assert(
      fc.property(total, fc.array(what, { maxLength: 100 }), (most, events) => {
        let limit = firstLimit(most);
        let now = 0;
        let loweredAt = -Infinity;
        for (const it of events) {
          now += it.wait;
          const event = eventOf(it, now, limit.most);
          const next = stepLimit(limit, event, most);
          expect(next.most).toBeGreaterThanOrEqual(Math.min(4, most));
          expect(next.most).toBeLessThanOrEqual(next.ceiling);
          expect(next.ceiling).toBeLessThanOrEqual(most);
          if (event.on === "refused" && next.most < limit.most) {
            expect(event.began).toBeGreaterThan(loweredAt);
            loweredAt = now;
          }
          limit = next;
        }
        for (let i = 0; i < 40; i++) {
          now += 1000;
          const ms = limit.usualMs ?? 5;
          limit = stepLimit(limit, { on: "round", now, ms, rate: 1000, wanting: true }, most);
        }
        expect(limit.most).toBe(most);
      }),
    );
  });
});
