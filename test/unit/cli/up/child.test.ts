import { expect, test } from "vitest";
import { afterEnd, type History } from "../../../../src/cli/up/child.ts";

test.each<[string, number | null, History, object]>([
  ["a first crash", 1, { failures: 1, everReady: true }, { kind: "again", delayMs: 50 }],
  ["a third one in a row", 1, { failures: 3, everReady: true }, { kind: "again", delayMs: 200 }],
  ["a ninth one in a row", 1, { failures: 9, everReady: true }, { kind: "again", delayMs: 5000 }],
  [
    "one while clients wait at its socket",
    1,
    { failures: 9, everReady: true, clientsWait: true },
    { kind: "again", delayMs: 1000 },
  ],
  ["a kill", null, { failures: 1, everReady: true }, { kind: "again", delayMs: 50 }],
  ["what a restart cannot heal", 78, { failures: 1, everReady: true }, { kind: "fatal" }],
  ["a second start that failed", 1, { failures: 2, everReady: false }, { kind: "again", delayMs: 100 }],
  ["a third start that failed", 1, { failures: 3, everReady: false }, { kind: "fatal" }],
])("after %s", (_, code, history, next) => {
  expect(afterEnd(code, history)).toEqual(next);
});
