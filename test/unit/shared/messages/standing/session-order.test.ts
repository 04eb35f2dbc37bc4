import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  comparePlaces,
  firstOf,
  placeFrom,
  sortFrom,
  SORTS,
  type Place,
} from "../../../../../src/shared/messages/standing/session-order.ts";

const places = fc.uniqueArray(
  fc.record({
    rank: fc.nat({ max: 5 }),
    events: fc.nat({ max: 3 }),
    attempts: fc.nat({ max: 2 }),
    session: fc.string({ minLength: 1, maxLength: 3 }),
  }),
  { selector: ({ session }) => session, maxLength: 600 },
);

test("pages that follow each other's last place hold every session once, in order", () => {
  fc.assert(
    fc.property(places, fc.constantFrom(...SORTS), fc.integer({ min: 1, max: 50 }), (all, sort, most) => {
      const seen: Place[] = [];
      for (let after: Place | undefined; ;) {
        const page = firstOf(all, { most, sort, after, placeOf: (it) => it });
        if (page.length === 0) break;
        seen.push(...page);
        after = page.at(-1);
      }
      expect(seen).toEqual(all.toSorted((a, b) => comparePlaces(sort, a, b)));
    }),
  );
});

test.each<[unknown, unknown]>([
  [
    { rank: 1, events: 2, attempts: 3, session: "s", more: 1 },
    { rank: 1, events: 2, attempts: 3, session: "s" },
  ],
  [{ rank: "1", events: 2, attempts: 3, session: "s" }, undefined],
  [{ rank: 1, events: 2, attempts: 3 }, undefined],
  [undefined, undefined],
])("%j from outside is the place %j", (value, place) => {
  expect(placeFrom(value)).toEqual(place);
});

test("only known orders are taken from outside", () => {
  expect([sortFrom("events"), sortFrom("colour"), sortFrom(7)]).toEqual(["events", undefined, undefined]);
});
