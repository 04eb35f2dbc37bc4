import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  COALESCE_MS,
  coalesce,
  MOST_HELD,
  type Arrival,
  type Held,
} from "../../../../../src/shared/session-log/append/coalesce.ts";

type Step = { after: number; arrival: Arrival };
type Sent = { at: number; key: string; text: string };

/** Plays arrivals with the alarms that were asked for; what was sent and when, and every other arrival in its place. */
function play(steps: readonly Step[]): (Sent | { at: number; other: true })[] {
  let held: Held = { kind: "open" };
  let alarm = Infinity;
  let now = 1000;
  const out: (Sent | { at: number; other: true })[] = [];
  const take = (arrival: Arrival): void => {
    const [next, effects] = coalesce(held, arrival, now);
    held = next;
    for (const effect of effects) {
      if (effect.type === "wake") alarm = effect.at;
      else out.push({ at: now, key: effect.key, text: effect.text });
    }
    if (arrival.type === "other") out.push({ at: now, other: true });
  };
  const pass = (to: number): void => {
    while (alarm <= to) {
      now = Math.max(now, alarm);
      alarm = Infinity;
      take({ type: "due" });
    }
    now = to;
  };
  for (const { after, arrival } of steps) {
    pass(now + after);
    take(arrival);
  }
  pass(now + COALESCE_MS);
  return out;
}

const delta = (after: number, text: string, key = "a"): Step => ({
  after,
  arrival: { type: "delta", key, text },
});

test("the first delta after a pause goes at once, the next ones together within 50 ms", () => {
  expect(play([delta(0, "a"), delta(10, "b"), delta(10, "c"), delta(100, "d")])).toEqual([
    { at: 1000, key: "a", text: "a" },
    { at: 1050, key: "a", text: "bc" },
    { at: 1120, key: "a", text: "d" },
  ]);
});

test("what is no delta does not overtake what is held", () => {
  const other: Step = { after: 5, arrival: { type: "other" } };
  expect(play([delta(0, "a"), delta(1, "b"), other])).toEqual([
    { at: 1000, key: "a", text: "a" },
    { at: 1006, key: "a", text: "b" },
    { at: 1006, other: true },
  ]);
});

test("deltas of two blocks do not become one", () => {
  expect(
    play([delta(0, "a"), delta(1, "b"), delta(1, "c", "z")]).map((it) => ("key" in it ? it.text : "")),
  ).toEqual(["a", "b", "c"]);
});

test("everything is sent once and in order, no delta waits longer than 50 ms, and there are few appends", () => {
  const step = fc.record({
    after: fc.integer({ min: 0, max: 120 }),
    arrival: fc.oneof(
      {
        weight: 8,
        arbitrary: fc.record({
          type: fc.constant("delta" as const),
          key: fc.constantFrom("a", "b"),
          text: fc.string({ minLength: 1, maxLength: 5 }),
        }),
      },
      { weight: 1, arbitrary: fc.constant({ type: "other" as const }) },
    ),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const out = play(steps);
      let at = 1000;
      const arrived = steps.map(({ after, arrival }) => ({ at: (at += after), arrival }));
      // each character with its key, and a bar for every other arrival
      const spelt = (items: readonly object[]): string =>
        items
          .map((it) =>
            "text" in it && "key" in it ? Array.from(String(it.text), (c) => `${String(it.key)}${c}`) : ["|"],
          )
          .flat()
          .join(" ");
      expect(spelt(out)).toBe(spelt(arrived.map(({ arrival }) => arrival)));
      // each delta is out within the time
      let sentLength = 0;
      const sentBy: number[] = [];
      for (const it of out) if ("text" in it) for (const _ of it.text) sentBy[sentLength++] = it.at;
      let length = 0;
      for (const it of arrived)
        if (it.arrival.type === "delta")
          for (const _ of it.arrival.text)
            expect((sentBy[length++] ?? Infinity) - it.at).toBeLessThanOrEqual(COALESCE_MS);
    }),
    { numRuns: 500 },
  );
});

test("a held text does not grow without end", () => {
  const many = Array.from({ length: 5 }, () => delta(1, "x".repeat(MOST_HELD / 2)));
  for (const it of play(many)) expect("text" in it ? it.text.length : 0).toBeLessThanOrEqual(1.5 * MOST_HELD);
  expect(play(many).length).toBeGreaterThan(2);
});
