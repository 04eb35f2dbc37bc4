import { expect, test } from "vitest";
import { cutPointer, goneOf } from "../../../../../src/shared/log/provision/mend.ts";

const record = { v: 1, session: "s", reason: "parked", text: "", since: 0 } as const;

test.each([
  ["below the cut it stays", { from: 3 }, { from: 3 }],
  ["at the first lost one it stays: a new event has the number", { from: 11 }, { from: 11 }],
  ["above it follows the cut, or new events would be hidden", { from: 40 }, { from: 11 }],
  ["an event to be skipped that is there is still skipped", { from: 3, skip: 10 }, { from: 3, skip: 10 }],
  ["an event to be skipped that is gone skips no other", { from: 11, skip: 11 }, { from: 11 }],
])("a held session's pointer after a loss above 10: %s", (_, before, after) => {
  expect(cutPointer({ ...record, ...before }, 10)).toEqual({ ...record, ...after });
});

test.each<[string, { first?: number; holes?: [number, number][] }, number | undefined, [number, number][]]>([
  ["all of them", {}, undefined, [[11, 20]]],
  ["none that was pruned before", {}, 15, [[15, 20]]],
  ["none of a log that was pruned to its end", { first: 21 }, 21, []],
  ["the log was empty, and the note of the pruning is gone", { first: 21 }, undefined, []],
  [
    "none that was missing before",
    { holes: [[12, 13]] },
    undefined,
    [
      [11, 11],
      [14, 20],
    ],
  ],
])("numbers of a lost end that were stored: %s", (_, known, pruned, gone) => {
  expect(goneOf({ kept: 10, highest: 20 }, known, pruned)).toEqual(gone);
});
