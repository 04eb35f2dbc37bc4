import { expect, test } from "vitest";
import { placesOf } from "../../../../src/relay/lanes/places.ts";

const of = (
  shard: number,
  session: string,
  from: number,
): Parameters<typeof placesOf>[0] extends Iterable<infer T> ? T : never => ({
  shard,
  record: { v: 1, session, from, reason: "parked", text: "why", since: 0 },
});

test("a checkpoint names its own shard's held sessions, and no more than it has room for", () => {
  const held = [of(1, "a", 3), of(2, "b", 4), of(1, "c", 5), of(1, "d", 6)];
  expect(placesOf(held, 1)).toEqual([
    ["a", 3, "parked"],
    ["c", 5, "parked"],
    ["d", 6, "parked"],
  ]);
  expect(placesOf(held, 1, 2)).toHaveLength(2);
  expect(placesOf(held, 7)).toEqual([]);
});
