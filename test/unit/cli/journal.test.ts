import { expect, test } from "vitest";
import { isJournal } from "../../../src/cli/journal.ts";

test.each([
  ["8:12345", { dev: 8, ino: 12_345 }, true],
  ["8:12345", { dev: 8, ino: 12_346 }, false], // inherited by a shell in a terminal
  ["9:12345", { dev: 8, ino: 12_345 }, false],
  ["", { dev: 8, ino: 12_345 }, false],
  [undefined, { dev: 8, ino: 12_345 }, false],
])("JOURNAL_STREAM %s, stdout %j: %s", (named, stdout, journal) => {
  expect(isJournal(named, stdout)).toBe(journal);
});
