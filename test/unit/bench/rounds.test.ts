import { expect, test } from "vitest";
import { interleaved, inTurns, median } from "../../../bench/rounds.ts";

test("the median of an even number is the mean of the two in the middle, and of none is none", () => {
  expect([median([3, 1, 2]), median([4, 1, 2, 3]), median([])]).toEqual([2, 2.5, NaN]);
});

test("several ways run in turn, and each round has them in their own order", async () => {
  const order: string[] = [];
  const way = (name: string) => async () => {
    order.push(name);
    return name;
  };
  const rounds = await inTurns(3, ["a", "b", "c"].map(way));
  expect(order.join("")).toBe("abccbaabc");
  expect(rounds).toEqual([
    ["a", "b", "c"],
    ["a", "b", "c"],
    ["a", "b", "c"],
  ]);
});

test("two ways run in turn", async () => {
  const order: string[] = [];
  const rounds = await interleaved(
    2,
    async () => order.push("a"),
    async () => order.push("b"),
  );
  expect(order.join("")).toBe("abba");
  expect(rounds).toEqual([
    { a: 1, b: 2 },
    { a: 4, b: 3 },
  ]);
});
