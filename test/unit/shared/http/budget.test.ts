import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createBudget, HELD_BYTES, type BodyBudget, type Share } from "../../../../src/shared/http/budget.ts";
import { createFakeClock } from "../../../support/fake-clock.ts";

const LIMITS = { crowded: 100, full: 150, limit: 200, silentMs: 1000, silentWhenFullMs: 100, steps: 10 };

/** A budget, and bodies with names whose fate is noted. */
function stage() {
  const clock = createFakeClock();
  const budget = createBudget(LIMITS, clock);
  const told: string[] = [];
  const open = (name: string): Share =>
    budget.open({
      lose: (why) => told.push(`${name} lost: ${why}`),
      resume: () => told.push(`${name} goes on`),
    });
  return { clock, budget, told, open };
}

/** Gives back what a whole body holds; fails where there was no memory for it. */
function held(budget: BodyBudget, bytes: number): () => void {
  const release = budget.hold(bytes);
  if (release === undefined) throw new Error("no memory");
  return release;
}

describe("BOUND-1: memory of bodies", () => {
  test("what is announced costs nothing, what arrives is counted, and given back once", () => {
    const { budget, open } = stage();
    const shares = Array.from({ length: 1000 }, (_, i) => open(`${i}`));
    expect(budget.held).toBe(0);
    expect(shares[0]?.take(40)).toBe(true);
    const release = held(budget, 30);
    expect(budget.held).toBe(70);
    release();
    release();
    shares[0]?.leave();
    shares[0]?.leave();
    expect(shares[0]?.take(5)).toBe(true); // what still comes of a body that is over is dropped
    expect(budget.held).toBe(0);
  });

  test("bodies wait in turn when the budget is used up, and continue when there is room", () => {
    const { told, open } = stage();
    const [a, b, c] = [open("a"), open("b"), open("c")];
    expect(a.take(90)).toBe(true);
    expect(b.take(20)).toBe(false);
    expect(c.take(20)).toBe(false);
    expect(told).toEqual([]);
    a.complete();
    expect(told).toEqual([]); // it is held until it is stored
    a.leave();
    expect(told).toEqual(["b goes on", "c goes on"]);
  });

  test("if everything would have to wait, one body continues beyond the limit, and then the next", () => {
    const { budget, told, open } = stage();
    const [a, b] = [open("a"), open("b")];
    a.take(60);
    expect(b.take(60)).toBe(false);
    expect(a.take(200)).toBe(true); // nobody else is under way
    expect(budget.held).toBe(320);
    a.complete();
    a.leave();
    expect(told).toEqual(["b goes on"]);
    expect(b.take(200)).toBe(true);
  });

  test("a body whose client leaves while it waits frees its bytes", () => {
    const { budget, told, open } = stage();
    const [a, b] = [open("a"), open("b")];
    a.take(90);
    b.take(20);
    b.leave();
    a.leave();
    expect([budget.held, told]).toEqual([0, []]);
  });
});

describe("ISOLATE-1: no sender waits for one that is silent", () => {
  test("it loses its share when others wait for longer than it may be silent; those that keep sending keep theirs", () => {
    const { clock, told, open } = stage();
    const [silent, busy, newcomer] = [open("silent"), open("busy"), open("newcomer")];
    silent.take(50);
    busy.take(40);
    expect(newcomer.take(20)).toBe(false);
    clock.jump(750);
    expect(busy.take(LIMITS.steps)).toBe(false); // it waits with the other
    expect(told).toEqual([]);
    clock.jump(250);
    expect(told).toEqual(["silent lost: silent", "newcomer goes on", "busy goes on"]);
  });

  test("a byte now and then is silence, too", () => {
    const { clock, told, open } = stage();
    const [slow, newcomer] = [open("slow"), open("newcomer")];
    slow.take(90);
    expect(newcomer.take(20)).toBe(false);
    for (let i = 0; i < 4; i++) {
      slow.take(1);
      clock.jump(250);
    }
    expect(told).toEqual(["slow lost: silent", "newcomer goes on"]);
  });

  test("while no sender waits, a silent one keeps its share", () => {
    const { clock, told, open } = stage();
    open("a").take(90);
    clock.jump(60_000);
    expect(told).toEqual([]);
  });

  test("where all memory is taken, a shorter silence counts; without one the newcomer is refused, and small whole bodies are not", () => {
    const { clock, budget, told, open } = stage();
    for (const name of ["a", "b", "c"]) open(name).take(45);
    expect(told).toEqual([]);
    expect(open("d").take(20)).toBe(true);
    expect(told).toEqual(["d lost: full"]);
    const release = held(budget, 50);
    expect(budget.hold(20)).toBeUndefined();
    release();
    clock.jump(LIMITS.silentWhenFullMs);
    expect(open("e").take(20)).toBe(false);
    expect(told).toEqual(["d lost: full", "a lost: silent"]);
    held(budget, 120); // another silent one gives way to what is whole
    expect(told.slice(2)).toEqual(["b lost: silent", "c goes on", "e goes on"]);
  });

  test("8 senders that announce 4 MiB each and send little delay no other", () => {
    const budget = createBudget(HELD_BYTES, createFakeClock());
    const owner = { lose: () => expect.fail("lost"), resume: () => expect.fail("waited") };
    for (let i = 0; i < 8; i++) budget.open(owner).take(1);
    expect(budget.open(owner).take(100_000)).toBe(true);
  });
});

test("BOUND-1: in any order of requests memory stays bounded, none waits for ever, and every share is returned", () => {
  const step = fc.record({
    body: fc.nat({ max: 7 }),
    what: fc.constantFrom("take", "take", "take", "complete", "leave", "hold", "wait"),
    bytes: fc.integer({ min: 1, max: 20 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const clock = createFakeClock();
      const budget = createBudget(LIMITS, clock);
      const shares = new Map<number, { share: Share; paused: boolean; whole: boolean }>();
      const releases: (() => void)[] = [];
      for (const { body, what, bytes } of steps) {
        if (what === "wait") clock.jump(50);
        else if (what === "hold") {
          const release = budget.hold(bytes);
          if (release !== undefined) releases.push(release);
        } else {
          let it = shares.get(body);
          if (it === undefined) {
            const share = budget.open({
              lose: () => void shares.delete(body),
              resume: () => (made.paused = false),
            });
            const made = { share, paused: false, whole: false };
            it = made;
            shares.set(body, it);
          }
          if (what === "take" && !it.paused && !it.whole) it.paused = !it.share.take(bytes);
          else if (what === "complete" && !it.paused) {
            it.whole = true;
            it.share.complete();
          } else if (what === "leave") {
            shares.delete(body);
            it.share.leave();
          }
        }
        expect(budget.held).toBeLessThanOrEqual(LIMITS.limit + 200 * 20); // one may go on alone
      }
      for (const release of releases) release();
      for (const [body, { share, whole }] of shares) {
        if (!whole) continue;
        shares.delete(body);
        share.leave();
      }
      for (let i = 0; i < 20 && shares.size > 0; i++) clock.jump(LIMITS.silentMs);
      expect([...shares.values()].some(({ paused }) => paused)).toBe(false);
      for (const { share } of shares.values()) share.leave();
      expect(budget.held).toBe(0);
    }),
  );
});
