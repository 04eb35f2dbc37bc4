import { expect, test } from "vitest";
import { createBoundedMap } from "../../../../src/shared/base/bounded-map.ts";

test("what was not used for the longest time is forgotten first", () => {
  const map = createBoundedMap<number>(2);
  map.set("a", 1);
  map.set("b", 2);
  expect(map.get("a")).toBe(1);
  map.set("c", 3);
  expect(["a", "b", "c"].map((key) => map.get(key))).toEqual([1, undefined, 3]);
  map.set("a", 4);
  expect(["a", "c"].map((key) => map.get(key))).toEqual([4, 3]);
  map.delete("a");
  expect(map.get("a")).toBeUndefined();
});
