import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  advance,
  type Learnt,
  type Move,
  type Position,
} from "../../../../../src/shared/session-log/follow/contiguity.ts";

const live = (upTo: number): Position => ({ kind: "live", upTo });
const behind = (upTo: number, seen: number): Position => ({ kind: "behind", upTo, seen });

describe("what is heard, read or asked", () => {
  test.each<[Position, Learnt, Position, Move]>([
    [live(4), { type: "heard", seq: 5 }, live(5), "deliver"],
    [live(4), { type: "heard", seq: 4 }, live(4), "ignore"],
    [live(4), { type: "heard", seq: 6 }, behind(4, 6), "read"],
    [behind(4, 6), { type: "heard", seq: 7 }, behind(4, 7), "ignore"],
    [behind(4, 6), { type: "heard", seq: 5 }, behind(4, 6), "ignore"], // it is read, with what lies before it
    [behind(4, 6), { type: "read", seq: 5 }, behind(5, 6), "deliver"],
    [behind(5, 6), { type: "read", seq: 6 }, live(6), "deliver"],
    [behind(4, 6), { type: "read", seq: 9 }, live(9), "rejoin"],
    [behind(4, 9), { type: "read", seq: 7 }, behind(7, 9), "rejoin"],
    [live(9), { type: "read", seq: 9 }, live(9), "ignore"],
    [behind(4, 6), { type: "nothing", below: 5 }, behind(5, 6), "rejoin"],
    [behind(4, 6), { type: "nothing", below: 6 }, live(6), "rejoin"],
    [behind(6, 6), { type: "nothing", below: 6 }, live(6), "ignore"],
    [live(4), { type: "last", last: 4, asked: 4, other: false }, live(4), "ignore"],
    [live(4), { type: "last", last: 6, asked: 4, other: false }, behind(4, 6), "read"],
    [behind(4, 6), { type: "last", last: 8, asked: 4, other: false }, behind(4, 8), "ignore"],
    [live(9), { type: "last", last: 6, asked: 5, other: false }, live(9), "ignore"], // an answer that was on its way
    [live(9), { type: "last", last: 2, asked: 9, other: false }, live(2), "reset"],
    [live(9), { type: "last", last: 12, asked: 9, other: true }, live(12), "reset"],
  ])("%o, %o", (before, learnt, after, move) => {
    expect(advance(before, learnt)).toEqual([after, move]);
  });
});

/** A log in which some numbers were removed, some of what the broker publishes is lost, and pages and polls come at any time. */
test("WATCH-1: whatever is lost on the way, everything is delivered once and in order", () => {
  const scenario = fc.record({
    last: fc.integer({ min: 1, max: 60 }),
    removed: fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 20 }),
    lost: fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 40 }),
    reads: fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 20 }),
    page: fc.integer({ min: 1, max: 7 }),
    start: fc.integer({ min: 0, max: 10 }),
  });
  fc.assert(
    fc.property(scenario, ({ last, removed, lost, reads, page, start }) => {
      const from = Math.min(start, last);
      const log = Array.from({ length: last }, (_, i) => i + 1).filter((seq) => !removed.includes(seq));
      let position = live(from);
      const delivered: number[] = [];
      const rejoined: number[] = [];
      let stored = from;
      const learn = (learnt: Learnt): void => {
        const [next, move] = advance(position, learnt);
        position = next;
        expect(move).not.toBe("reset");
        if (move === "deliver" && (learnt.type === "heard" || learnt.type === "read"))
          delivered.push(learnt.seq);
        if (move === "rejoin") rejoined.push(position.upTo);
      };
      const readPage = (): void => {
        if (position.kind !== "behind") return;
        const { upTo, seen } = position;
        const found = log.filter((seq) => seq > upTo && seq <= stored).slice(0, page);
        for (const seq of found) learn({ type: "read", seq });
        if (found.length === 0) learn({ type: "nothing", below: seen });
      };
      while (stored < last) {
        stored++;
        if (!lost.includes(stored) && log.includes(stored)) learn({ type: "heard", seq: stored });
        if (reads.includes(stored)) readPage();
        if (reads.includes(stored + 1))
          learn({ type: "last", last: stored, asked: position.upTo, other: false });
      }
      learn({ type: "last", last, asked: position.upTo, other: false });
      for (let i = 0; i < 200 && position.kind === "behind"; i++) readPage();
      expect(position).toEqual(live(last));
      // what was not handed out lies below a place at which all watchers read the log, and nothing is handed out before that
      const missed = log.filter((seq) => seq > from && !delivered.includes(seq));
      expect(missed.every((seq) => rejoined.includes(seq))).toBe(true);
      expect(delivered).toEqual(log.filter((seq) => seq > from && !missed.includes(seq)));
    }),
    { numRuns: 2000 },
  );
});
