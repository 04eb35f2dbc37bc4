import { expect, test } from "vitest";
import { cutPointer } from "../../../src/admin/mend.ts";

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
