import { expect, test } from "vitest";
import {
  isForeign,
  logName,
  parseCursor,
  showCursor,
} from "../../../../../src/shared/session-log/follow/cursor.ts";

test("a cursor is a number, with the name of its log where the client kept that", () => {
  const log = logName("2026-01-01T12:00:00.123456789Z");
  expect(log).toBe("mjve7pff");
  expect(parseCursor(showCursor(12, log))).toEqual({ seq: 12, log });
  expect(parseCursor("0")).toEqual({ seq: 0 });
  expect(parseCursor("9007199254740991")).toEqual({ seq: 9007199254740991 });
});

test.each([
  "",
  "-1",
  "1.5.a",
  "+1",
  "01",
  "1e3",
  "0x1",
  " 1",
  "1.",
  "a",
  "1.A",
  "9007199254740993",
  "1\n",
  "NaN",
  `1.${"a".repeat(17)}`,
])("%j is none", (text) => {
  expect(parseCursor(text)).toBeUndefined();
});

test("a cursor of another log, or beyond the end, belongs elsewhere", () => {
  const end = { last: 10, log: "a" };
  expect(isForeign({ last: 10, log: "a" }, end)).toBe(false);
  expect(isForeign({ last: 10, log: undefined }, end)).toBe(false);
  expect(isForeign({ last: 3, log: "b" }, end)).toBe(true);
  expect(isForeign({ last: 11, log: "a" }, end)).toBe(true);
});
