import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Lane, type Entry } from "../../../../src/relay/lanes/lane.ts";
import { entryOf } from "./world.ts";

const SOURCE = { mayForward: () => true, verify: () => Promise.resolve(true), settle() {} };

function entry(seq: number, bytes = 10): Entry {
  return entryOf({ seq, session: "s" }, bytes, SOURCE, seq, 0);
}

function seqs(entries: readonly Entry[]): number[] {
  return entries.map(({ seq }) => seq);
}

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

function heapUsed(): number {
  collect();
  return process.memoryUsage().heapUsed;
}

describe("Lane", () => {
  type Step = { do: "push" | "take" | "settle" | "back" | "clear" | "drop" | "renew"; count: number };
  const step: fc.Arbitrary<Step> = fc.record({
    do: fc.constantFrom("push", "push", "take", "settle", "back", "clear", "drop", "renew"),
    count: fc.integer({ min: 1, max: 400 }),
  });

  test("BOUND-1: what was taken does not stay with a lane", () => {
    const before = heapUsed();
    const lanes = Array.from({ length: 1000 }, (_, i) => new Lane(`t${i}`, `s${i}`, 0));
    for (const lane of lanes) {
      for (let seq = 1; seq <= 250; seq++) {
        lane.push(entry(seq));
        lane.take(1);
      }
      lane.inFlight = [];
    }
    expect(heapUsed() - before).toBeLessThan(5 * 1024 * 1024); // 250 entries of each are 30 MB
    expect(lanes.map((lane) => lane.length)).toEqual(lanes.map(() => 0));
  });

  test("ORDER-1: behaves like a list with a part of its head in flight", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const lane = new Lane("t", "s", 0);
        let queue: number[] = [];
        let flying: { seq: number; stale: boolean }[] = [];
        let seq = 0;
        for (const it of steps) {
          switch (it.do) {
            case "push":
              for (let i = 0; i < it.count; i++) {
                lane.push(entry(++seq));
                queue.push(seq);
              }
              break;
            case "take":
              if (flying.length > 0) break;
              expect(seqs(lane.take(it.count))).toEqual(queue.slice(0, it.count));
              flying = queue.splice(0, it.count).map((s) => ({ seq: s, stale: false }));
              break;
            case "settle":
              lane.inFlight = [];
              flying = [];
              break;
            case "back": {
              const left = lane.putBack(lane.inFlight);
              expect(seqs(left)).toEqual(flying.filter((e) => e.stale).map((e) => e.seq));
              queue.unshift(...flying.filter((e) => !e.stale).map((e) => e.seq));
              flying = [];
              break;
            }
            case "clear":
              expect(seqs(lane.clear())).toEqual(queue);
              queue = [];
              flying = flying.map((e) => ({ ...e, stale: true }));
              break;
            case "drop":
              expect(seqs(lane.drop())).toEqual(queue);
              queue = [];
              break;
            case "renew":
              for (const e of lane.inFlight) e.stale = false;
              flying = flying.map((e) => ({ ...e, stale: false }));
              break;
          }
          expect(seqs(lane.entries())).toEqual(queue);
          expect(lane.length).toBe(queue.length);
          expect(lane.bytes).toBe(queue.length * 10);
          expect(lane.peek()?.seq).toBe(queue[0]);
          expect(lane.peek(1)?.seq).toBe(queue[1]);
          expect(lane.inFlight.map((e) => [e.seq, e.stale])).toEqual(flying.map((e) => [e.seq, e.stale]));
        }
      }),
    );
  });

  test("counts the time of failure only while others succeed", () => {
    const lane = new Lane("t", "s", 0);
    lane.failed(1000, 5, "a");
    lane.failed(2000, 5, "b"); // nobody succeeded in between
    expect([lane.failedForMs, lane.attempts, lane.repute]).toEqual([0, 2, "failing"]);
    lane.failed(5000, 6, "c");
    expect(lane.failedForMs).toBe(3000);
    lane.succeeded();
    expect([lane.failedForMs, lane.attempts, lane.repute]).toEqual([0, 0, "proven"]);
    lane.failed(9000, 7, "d"); // the first of a new head
    expect(lane.failedForMs).toBe(0);
  });
});
