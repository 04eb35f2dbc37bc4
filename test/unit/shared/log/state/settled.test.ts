import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { deflateRawSync } from "node:zlib";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Settled } from "../../../../../src/shared/log/state/settled.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

function heapUsed(): number {
  collect();
  return process.memoryUsage().heapUsed;
}

/** A packed set of this many MiB. */
function zeros(mib: number): Uint8Array {
  return deflateRawSync(Buffer.alloc(Math.ceil(mib * 1024 * 1024)));
}

/** One chunk of the set, unpacked. */
function chunk(index: number): Uint8Array {
  const raw = Buffer.alloc(8 + 4096);
  raw.writeDoubleBE(index);
  return raw;
}

/** Sequences around the ends of the chunks that the set is kept in. */
const CHUNK = 1 << 15;
const seq = fc.oneof(
  fc.integer({ min: 1, max: 40 }),
  fc.integer({ min: CHUNK - 20, max: CHUNK + 20 }),
  fc.integer({ min: 3 * CHUNK - 3, max: 3 * CHUNK + 3 }),
);

type Step =
  | { do: "settle"; seq: number }
  | { do: "arrive"; count: number }
  | { do: "restart"; floor: boolean }
  | { do: "merge"; floor: number; seqs: number[] }
  | { do: "reload" };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant("settle" as const), seq }) },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant("arrive" as const), count: fc.integer({ min: 1, max: 15 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("restart" as const), floor: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("merge" as const),
      floor: fc.nat(30),
      seqs: fc.array(seq, { maxLength: 8 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("reload" as const) }) },
);

describe("Settled", () => {
  test("SETTLE-1, ONCE-1: knows exactly what was settled, and its floor never passes what is not", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(seq, { minLength: 1, maxLength: 60 }),
        fc.array(step, { maxLength: 80 }),
        (own, steps) => {
          /** This shard's messages; others belong to other shards and are never told. */
          const log = own.toSorted((a, b) => a - b);
          const truth = new Set<number>();
          let floor = 0; // everything of the shard up to here is settled
          let settled = new Settled();
          let position = 0;
          const raise = (to: number): void => {
            floor = Math.max(floor, to);
            for (const it of log) if (it <= floor) truth.add(it);
          };
          for (const it of steps) {
            const before = settled.floor;
            switch (it.do) {
              case "settle": {
                const target = log[it.seq % log.length] ?? 1;
                settled.settle(target);
                truth.add(target);
                break;
              }
              case "arrive":
                for (const next of log.slice(position, position + it.count)) settled.arrived(next);
                position = Math.min(log.length, position + it.count);
                break;
              case "restart":
                settled.restart();
                position = it.floor ? log.findIndex((s) => s > settled.floor) : 0;
                if (position < 0) position = log.length;
                break;
              case "merge": {
                const other = new Settled(it.floor);
                for (const s of it.seqs) if (log.includes(s)) other.settle(s);
                settled.merge({ floor: other.floor, snapshot: other.snapshot() });
                raise(it.floor);
                for (const s of it.seqs) if (log.includes(s)) truth.add(s);
                break;
              }
              case "reload": {
                const again = new Settled();
                again.merge({ floor: settled.floor, snapshot: settled.snapshot() });
                settled = again;
                position = 0;
                settled.restart();
                break;
              }
            }
            expect(settled.floor).toBeGreaterThanOrEqual(before);
            for (const s of log) expect(settled.has(s), `${s}`).toBe(truth.has(s));
          }
          // when everything came once more, the floor stands right below the lowest unsettled one
          settled.restart();
          for (const s of log) settled.arrived(s);
          const unsettled = log.find((s) => !truth.has(s));
          if (unsettled === undefined) expect(settled.floor).toBe(Math.max(floor, log.at(-1) ?? 0));
          else expect(settled.floor).toBe(Math.max(floor, ...log.filter((s) => s < unsettled), 0));
        },
      ),
      { numRuns: 500 },
    );
  });

  test("a writer hears of every change, and of nothing else", () => {
    const settled = new Settled();
    const { version } = settled;
    settled.arrived(1);
    settled.arrived(2);
    expect(settled.version).toBe(version);
    settled.settle(2);
    expect(settled.version).toBeGreaterThan(version);
    const after = settled.version;
    settled.settle(2);
    expect(settled.version).toBe(after);
    settled.settle(1);
    expect(settled.floor).toBe(2);
    expect(settled.version).toBeGreaterThan(after);
  });

  test("the floor moves over what other shards have", () => {
    const settled = new Settled();
    settled.arrived(1_000_000);
    expect(settled.floor).toBe(0);
    settled.settle(1_000_000);
    expect(settled.floor).toBe(1_000_000);
    expect(settled.snapshot().length).toBeLessThan(100);
  });

  test("BOUND-1: a million settled behind one stuck event cost a few kilobytes, and nothing once it is settled", () => {
    const settled = new Settled();
    for (let s = 1; s <= 1_000_000; s++) {
      settled.arrived(s);
      if (s > 1) settled.settle(s);
    }
    expect(settled.floor).toBe(0);
    expect(settled.snapshot().length).toBeLessThan(4096);
    settled.settle(1);
    expect(settled.floor).toBe(1_000_000);
    expect(settled.snapshot().length).toBeLessThan(100);
  });

  test("BOUND-1: nor do they cost memory for each", () => {
    const before = heapUsed();
    const settled = new Settled();
    for (let s = 1; s <= 2_000_000; s++) {
      settled.arrived(s);
      if (s % 500_000 !== 1) settled.settle(s);
    }
    expect(heapUsed() - before).toBeLessThan(2 * 1024 * 1024); // 8 bytes for each are 16 MB
    for (const [stuck, floor] of [
      [1, 500_000],
      [500_001, 1_000_000],
      [1_500_001, 1_000_000],
      [1_000_001, 2_000_000],
    ] as const) {
      settled.settle(stuck);
      expect(settled.floor).toBe(floor);
    }
  });

  test("a snapshot that is none is refused before anything is taken from it", () => {
    const settled = new Settled();
    expect(() => settled.merge({ floor: 5, snapshot: Uint8Array.of(1, 2, 3) })).toThrow();
    expect(settled.floor).toBe(0);
  });

  test.each<[string, () => Uint8Array]>([
    ["four times what is taken over", () => zeros(256)],
    ["a chunk more than is taken over", () => zeros(64.01)],
    ["a chunk that is cut", () => deflateRawSync(Buffer.alloc(4103))],
    ["a chunk below the first", () => deflateRawSync(chunk(-1))],
    ["half a chunk", () => deflateRawSync(chunk(0.5))],
    ["a chunk beyond all numbers", () => deflateRawSync(chunk(1e300))],
    ["a chunk that is no number", () => deflateRawSync(chunk(Number.NaN))],
  ])("BOUND-1: %s is refused, and nothing of it is taken", (_, make) => {
    const settled = new Settled(3);
    expect(() => settled.merge({ floor: 5, snapshot: make() })).toThrow();
    expect([settled.floor, settled.version, settled.snapshot().length]).toEqual([3, 0, 0]);
  });
});

test("SETTLE-1: what lies above a cut is forgotten, and nothing below it", () => {
  fc.assert(
    fc.property(fc.uniqueArray(seq), fc.integer({ min: 0, max: 3 * CHUNK }), seq, (seqs, floor, cut) => {
      const settled = new Settled(floor);
      for (const it of seqs) settled.settle(it);
      const known = seqs.filter((it) => it > floor);
      expect(settled.highest).toBe(Math.max(floor, ...known));
      const ranges: [number, number][] = [
        [cut - 3, cut - 2],
        [cut + 1, Infinity],
      ];
      expect(settled.countIn(ranges)).toBe(
        known.filter((it) => it > cut || it === cut - 2 || it === cut - 3).length,
      );
      settled.truncate(cut);
      const copy = new Settled();
      copy.merge({ floor: settled.floor, snapshot: settled.snapshot() });
      for (const it of [settled, copy]) {
        expect(it.floor).toBe(Math.min(floor, cut));
        for (const at of [...seqs, floor, cut, cut + 1, floor + 1])
          expect(it.has(at)).toBe(at <= cut && (at <= floor || seqs.includes(at)));
      }
    }),
  );
});
