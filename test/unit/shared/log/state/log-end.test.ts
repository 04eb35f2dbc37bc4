import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { judgeEnd, stampMs, type Anchor, type Probe } from "../../../../../src/shared/log/state/log-end.ts";

const probe = (anchor: Anchor, there?: number, next?: number): Probe => ({ anchor, there, next });

describe("SETTLE-1: a log that lost its end differs from one that has it", () => {
  test.each([
    ["nothing is remembered", 10, [], undefined],
    ["the newest is there", 10, [probe({ seq: 10, at: 100 }, 100)], undefined],
    ["it grew since", 20, [probe({ seq: 10, at: 100 }, 100)], undefined],
    ["it ends below", 6, [probe({ seq: 10, at: 100 })], { kept: 6, highest: 10 }],
    ["nothing is left", 0, [probe({ seq: 10, at: 100 })], { kept: 0, highest: 10 }],
    [
      "it ends below, and some of it came after",
      8,
      [probe({ seq: 10, at: 100 }, undefined, 6)],
      { kept: 5, highest: 10 },
    ],
    ["another one has the number", 12, [probe({ seq: 10, at: 100 }, 200, 6)], { kept: 5, highest: 10 }],
    [
      "another one has the number, and clocks went back",
      12,
      [probe({ seq: 10, at: 100 }, 50)],
      { kept: 9, highest: 10 },
    ],
    ["it was pruned", 12, [probe({ seq: 10, at: 100 }, undefined, 11)], undefined],
    [
      "it was deleted, and the one before came later",
      12,
      [probe({ seq: 10, at: 100 }, undefined, 9)],
      { kept: 8, highest: 10 },
    ],
    ["only the number is known, and it is there", 12, [probe({ seq: 10 })], undefined],
    ["only the number is known, and it is not there", 9, [probe({ seq: 10 })], { kept: 9, highest: 10 }],
    [
      "an older anchor lies lower than the cut that a newer one shows",
      9,
      [probe({ seq: 10, at: 100 }), probe({ seq: 5, at: 50 }, 70)],
      { kept: 4, highest: 10 },
    ],
  ] as const)("%s", (_, lastSeq, probes, lost) => {
    expect(judgeEnd(lastSeq, probes)).toEqual(
      lost === undefined ? { kind: "whole" } : { kind: "shortened", ...lost },
    );
  });

  test("whatever is lost and written again, the last old event is found, if any anchor was lost", () => {
    const life = fc.record({
      stored: fc.integer({ min: 0, max: 60 }),
      kept: fc.integer({ min: 0, max: 60 }),
      again: fc.integer({ min: 0, max: 60 }),
      anchors: fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 6 }),
      pruned: fc.integer({ min: 0, max: 20 }),
    });
    fc.assert(
      fc.property(life, (it) => {
        const kept = Math.min(it.kept, it.stored);
        const at = (seq: number): number => 1_795_260_000_000 + seq * 3.7;
        const before = Array.from({ length: it.stored }, (_, i) => ({ seq: i + 1, at: at(i + 1) }));
        const after = Array.from({ length: it.again }, (_, i) => ({ seq: kept + i + 1, at: at(1000 + i) }));
        const log = [...before.slice(0, kept), ...after].filter(({ seq }) => seq > it.pruned);
        const lastSeq = kept + it.again;
        const anchors = before.filter(({ seq }) => it.anchors.includes(seq));
        const probes = anchors.map((anchor) => ({
          anchor,
          there: log.find(({ seq }) => seq === anchor.seq)?.at,
          next: log.find((message) => message.at >= Math.floor(anchor.at) + 1)?.seq,
        }));
        const lost = anchors.filter(({ seq }) => seq > kept && seq > it.pruned);
        const verdict = judgeEnd(lastSeq, probes);
        if (lost.length === 0) {
          if (it.pruned <= kept) expect(verdict).toEqual({ kind: "whole" });
        } else if (it.pruned <= kept) {
          const highest = Math.max(...anchors.map(({ seq }) => seq));
          expect(verdict).toEqual({ kind: "shortened", kept, highest });
        }
      }),
      { numRuns: 500 },
    );
  });
});

test.each([
  ["2026-11-29T11:42:34.349772043Z", Date.UTC(2026, 10, 29, 11, 42, 34) + 349.772043],
  ["2027-02-28T23:59:59Z", Date.UTC(2027, 1, 28, 23, 59, 59)],
  ["2026-11-29T11:46:16.75934002Z", Date.UTC(2026, 10, 29, 11, 46, 16) + 759.34002],
])("the broker's time %s is read to the microsecond", (text, ms) => {
  expect(stampMs(text)).toBeCloseTo(ms, 3);
});

test("the time of nothing is none", () => {
  expect(stampMs("0001-01-01T00:00:00Z")).toBeNaN();
  expect(stampMs("yesterday")).toBeNaN();
});
