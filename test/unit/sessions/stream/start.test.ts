import { expect, test } from "vitest";
import { startOf } from "../../../../src/sessions/stream/start.ts";

test.each([
  [undefined, undefined, { seq: 0 }],
  ["", "", { seq: 0 }],
  ["7", undefined, { seq: 7 }],
  [7, undefined, { seq: 7 }],
  ["7.abc", undefined, { seq: 7, log: "abc" }],
  ["latest", undefined, "latest"],
  // a browser that comes back sends both
  ["0", "9.abc", { seq: 9, log: "abc" }],
  ["latest", "9", { seq: 9 }],
  ["-1", undefined, undefined],
  [-1, undefined, undefined],
  [1.5, undefined, undefined],
  ["1e3", undefined, undefined],
  ["99999999999999999", undefined, undefined],
  ["7", "x", undefined],
  [["1", "2"], undefined, undefined],
  [null, undefined, undefined],
  [{}, undefined, undefined],
])("after %j with Last-Event-ID %j begins at %j", (after, lastEventId, start) => {
  expect(startOf(after, lastEventId)).toEqual(start);
});
