import { expect, test } from "vitest";
import { createTally } from "../../../../src/sessions/access/tally.ts";
import { createFakeClock } from "../../../support/fake-clock.ts";

/** A tally of three over a number that the test sets, and how often it was asked for. */
function stage(): {
  have: Map<string, number>;
  asked: () => number;
  clock: ReturnType<typeof createFakeClock>;
} & ReturnType<typeof createTally> {
  const have = new Map<string, number>();
  let asked = 0;
  const clock = createFakeClock();
  const count = async (user: string): Promise<number> => {
    asked += 1;
    return have.get(user) ?? 0;
  };
  return { have, asked: () => asked, clock, ...createTally({ limit: 3, count, clock }) };
}

test("a user has as many as the limit, counted once", async () => {
  const { take, have, asked } = stage();
  have.set("ann", 1);
  expect([await take("ann"), await take("ann"), await take("ann")]).toEqual([true, true, false]);
  expect(await take("bob")).toBe(true);
  expect(asked()).toBe(2);
});

test("at the limit it is counted anew, once a second", async () => {
  const { take, have, asked, clock } = stage();
  have.set("ann", 3);
  for (let i = 0; i < 5; i += 1) expect(await take("ann")).toBe(false);
  expect(asked()).toBe(1);
  have.set("ann", 2);
  await clock.pass(1000);
  expect(await take("ann")).toBe(true);
  expect(await take("ann")).toBe(false);
  expect(asked()).toBe(2);
});

test("many at once share a count and get no more than the limit", async () => {
  const { take, asked } = stage();
  const taken = await Promise.all(Array.from({ length: 10 }, () => take("ann")));
  expect(taken.filter(Boolean)).toHaveLength(3);
  expect(asked()).toBe(1);
});

test("what did not come to be gives its place back", async () => {
  const { take, giveBack } = stage();
  for (let i = 0; i < 3; i += 1) expect(await take("ann")).toBe(true);
  giveBack("ann");
  expect([await take("ann"), await take("ann")]).toEqual([true, false]);
  giveBack("nobody");
});
