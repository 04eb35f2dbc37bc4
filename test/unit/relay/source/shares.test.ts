import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sharesOf, turnsOf } from "../../../../src/relay/source/shares.ts";

const relays = fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 12 });
const counts = fc.integer({ min: 1, max: 64 });

describe.each([
  ["sharesOf", sharesOf],
  ["turnsOf", turnsOf],
])("%s", (_name, owners) => {
  test("all relays agree, whatever order they heard of each other in", () => {
    fc.assert(
      fc.property(relays, counts, (ids, count) => {
        expect(owners(ids.toReversed(), count)).toEqual(owners(ids, count));
      }),
    );
  });

  test("every shard has an owner, and no relay has two more than another", () => {
    fc.assert(
      fc.property(relays, counts, (ids, count) => {
        const shares = owners(ids, count);
        expect(shares).toHaveLength(count);
        const loads = ids.map((id) => shares.filter((owner) => owner === id).length);
        expect(loads.reduce((sum, load) => sum + load)).toBe(count);
        expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(1);
      }),
    );
  });
});

test("when a relay goes, most shards of the others stay where they are; when it comes back, it gets its own again", () => {
  const ids = Array.from({ length: 12 }, (_, i) => `relay-${i}`);
  const before = sharesOf(ids, 64);
  for (const gone of ids) {
    const after = sharesOf(
      ids.filter((id) => id !== gone),
      64,
    );
    const moved = before.filter((owner, shard) => owner !== gone && owner !== after[shard]);
    expect(moved.length).toBeLessThanOrEqual(12); // by turns it would be more than 50
  }
});

test("no owner without relays", () => {
  expect(sharesOf([], 3)).toEqual([]);
});
