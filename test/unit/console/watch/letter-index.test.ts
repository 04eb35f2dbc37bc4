import * as fc from "fast-check";
import { expect, test } from "vitest";
import { groupOf, isSelected, type IndexedLetter } from "../../../../src/console/watch/letter-index.ts";

test.each([
  [422, "field 17 of ses_12345678: must be a string", "422 field # of #: must be a string"],
  [422, "content: too long", "422 content: too long"],
  [undefined, "exhausted after 12 attempts: status 500", "exhausted after # attempts: status #"],
])("letters with status %s and the reason %s are of the group %s", (status, reason, group) => {
  expect(groupOf({ reason, ...(status === undefined ? {} : { status }) })).toBe(group);
});

test("a group's name is short, whatever the reason, and two ids make no two groups", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 2000 }), fc.nat(), fc.nat(), (reason, a, b) => {
      expect(groupOf({ reason }).length).toBeLessThanOrEqual(300);
      expect(groupOf({ reason: `event ${a} is wrong` })).toBe(groupOf({ reason: `event ${b} is wrong` }));
    }),
  );
});

const letter: IndexedLetter = {
  seq: 5,
  id: "e",
  runner: "r",
  session: "s",
  kind: "event",
  at: "2026-11-30T02:40:00.000Z",
  reason: "no",
  attempts: 1,
  origSeq: 1,
  answered: false,
  group: "422 no",
};

test.each([
  [{}, true],
  [{ group: "422 no", session: "s" }, true],
  [{ group: "other" }, false],
  [{ session: "t" }, false],
  [{ since: Date.parse(letter.at) }, true],
  [{ since: Date.parse(letter.at) + 1 }, false],
  [{ until: Date.parse(letter.at) - 1 }, false],
  [{ upto: 5 }, true],
  [{ upto: 4 }, false],
])("the selection %j has the letter: %s", (selection, is) => {
  expect(isSelected(letter, selection)).toBe(is);
});
