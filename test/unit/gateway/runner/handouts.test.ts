import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  createHandouts,
  DOUBT_MS,
  isHandout,
  type Handout,
  type Handouts,
} from "../../../../src/gateway/runner/handouts.ts";
import { createFakeClock } from "../../../support/fake-clock.ts";

type Kept = { all: Handout[]; writes: number; clock: ReturnType<typeof createFakeClock> };

function keeping(all: Handout[] = []): Kept & { start: () => Handouts } {
  const kept = { all, writes: 0, clock: createFakeClock() };
  const store = {
    read: () => structuredClone(kept.all),
    write(next: Handout[]) {
      kept.all = structuredClone(next);
      kept.writes++;
    },
  };
  return Object.assign(kept, { start: () => createHandouts({ kept: store, clock: kept.clock }) });
}

test("a run is given once: it is written before, confirmed after, and known after a restart", () => {
  const kept = keeping();
  const handouts = kept.start();
  expect(handouts.mayGive("r")).toBe(true);
  handouts.giving("r", "a");
  expect(kept.all).toEqual([{ run: "r", runner: "a", state: "giving" }]);
  expect(handouts.mayGive("r")).toBe(false);
  handouts.given("r");
  kept.clock.jump(10 * DOUBT_MS);
  expect(handouts.mayGive("r")).toBe(false);
  expect(kept.start().mayGive("r")).toBe(false);
});

test("one that did not arrive is given again at once, an uncertain one after a while", () => {
  const kept = keeping();
  const handouts = kept.start();
  handouts.giving("r", "a");
  handouts.takeBack("r");
  expect(handouts.mayGive("r")).toBe(true);
  handouts.giving("r", "a");
  const next = kept.start(); // the gateway was killed
  expect(next.mayGive("r")).toBe(false);
  kept.clock.jump(DOUBT_MS - 1);
  expect(next.mayGive("r")).toBe(false);
  kept.clock.jump(1);
  expect(next.mayGive("r")).toBe(true);
});

test("a report proves that a run arrived, also one that came in doubt; a new process of the runner does not get it", () => {
  const kept = keeping([
    { run: "doubtful", runner: "a", state: "giving" },
    { run: "silent", runner: "a", state: "given" },
    { run: "other", runner: "b", state: "given" },
  ]);
  const handouts = kept.start();
  handouts.reported("doubtful", "started");
  kept.clock.jump(DOUBT_MS);
  handouts.forget("a");
  expect(["doubtful", "silent", "other"].map((run) => handouts.mayGive(run))).toEqual([false, true, false]);
  expect(kept.all.map(({ run, state }) => [run, state])).toEqual([
    ["other", "given"],
    ["doubtful", "started"],
  ]);
  expect(handouts.ended("doubtful")).toBe(false);
  handouts.reported("doubtful", "completed");
  handouts.reported("doubtful", "started"); // late
  expect(handouts.ended("doubtful")).toBe(true);
});

test("BOUND-1: made-up reports write nothing, and no number of them is kept", () => {
  const kept = keeping();
  const handouts = kept.start();
  for (let i = 0; i < 5000; i++) handouts.reported(`r${i}`, "started");
  expect(kept.writes).toBe(0);
  handouts.giving("r", "a");
  expect(kept.all).toHaveLength(2000);
});

test("no run is given twice unless it was taken back, forgotten, or in doubt for long", () => {
  const step = fc.tuple(
    fc.constantFrom("giving", "given", "takeBack", "report", "restart", "forget", "wait"),
    fc.constantFrom("r1", "r2"),
  );
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const kept = keeping();
      let handouts = kept.start();
      const arrived = new Set<string>();
      for (const [what, run] of steps) {
        if (what === "giving" && handouts.mayGive(run)) {
          expect(arrived.has(run)).toBe(false);
          handouts.giving(run, "a");
        } else if (what === "given") {
          if (kept.all.some((it) => it.run === run && it.state === "giving")) arrived.add(run);
          handouts.given(run);
        } else if (what === "takeBack") handouts.takeBack(run);
        else if (what === "report" && arrived.has(run)) handouts.reported(run, "started");
        else if (what === "restart") handouts = kept.start();
        else if (what === "wait") kept.clock.jump(DOUBT_MS);
        else if (what === "forget") {
          for (const it of kept.all) if (it.state !== "started") arrived.delete(it.run);
          handouts.forget("a");
        }
      }
    }),
  );
});

test.each([
  [null],
  ["x"],
  [{ run: "r" }],
  [{ run: "r", runner: "a", state: "other" }],
  [{ run: 7, runner: "a", state: "given" }],
])("no entry of ours: %j", (value) => {
  expect(isHandout(value)).toBe(false);
});
