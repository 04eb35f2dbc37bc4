import { stripVTControlCharacters } from "node:util";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { readableLine, readableLines } from "../../../../src/cli/up/readable-lines.ts";
import { PLAIN } from "../../../../src/cli/render/screen.ts";

const quiet = { screen: PLAIN, chosenLevel: false };
const chosen = { screen: PLAIN, chosenLevel: true };

function line(fields: object): string {
  return JSON.stringify({ level: 30, time: "2026-11-30T12:03:04.567Z", name: "up", pid: 7, ...fields });
}

test.each<[string, object, string]>([
  ["a note of up's own", { msg: "nats-server fetched", how: "PATH" }, "up nats-server fetched (how=PATH)"],
  ["a warning", { level: 40, name: "relay", msg: "slow", ms: 7 }, "relay warning: slow (ms=7)"],
  [
    "an error with a text",
    { level: 50, name: "gateway", msg: "lost", err: "a b" },
    'gateway error: lost (err="a b")',
  ],
  [
    "a defect",
    { level: 60, name: "relay", msg: "x is not a function", stack: "Error: x\n  at y" },
    "relay fatal: x is not a function\nError: x\n  at y",
  ],
  ["no fields", { level: 50, msg: "gone" }, "up error: gone"],
  [
    "characters that would move the cursor",
    { level: 50, msg: "a\u001b[2Jb" },
    String.raw`up error: a\u001b[2Jb`,
  ],
])("%s", (_, fields, text) => {
  expect(readableLine(line(fields), quiet)).toMatch(/^\d\d:\d\d:\d\d /);
  expect(readableLine(line(fields), quiet)?.slice("12:03:04 ".length)).toBe(text);
});

test("what a child says of a normal start is left out, unless a level was chosen", () => {
  const note = line({ name: "relay", msg: "relay ready" });
  expect(readableLine(note, quiet)).toBeUndefined();
  expect(readableLine(note, chosen)).toContain("relay relay ready");
});

test("a child's last words are left out, because `up` repeats them; its own stay", () => {
  const words = { level: 60, code: "port_taken", msg: "port 1 is used" };
  expect(readableLine(line({ ...words, name: "gateway" }), chosen)).toBeUndefined();
  expect(readableLine(line(words), quiet)).toContain("fatal: port 1 is used");
});

test("text that is no log line stays as it is", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      fc.pre(!/^\s*\{.*"level"/.test(text));
      expect(readableLine(text, quiet)).toBe(text);
    }),
  );
});

test("any entry becomes text without control characters but line ends", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.string(), (fields, msg) => {
      const { stack: _, ...rest } = fields;
      const shown = readableLine(JSON.stringify({ ...rest, level: 50, name: "up", msg }), quiet) ?? "";
      expect(stripVTControlCharacters(shown)).toBe(shown);
    }),
  );
});

test("several lines come in, those that are wanted go out whole", () => {
  const written: string[] = [];
  const lines = readableLines(
    {
      write: (text) => void written.push(text),
      dropped: () => 3,
      hasRoom: () => true,
      onRoom: () => () => {},
      flush() {},
    },
    quiet,
  );
  lines.write(`${line({ name: "relay", msg: "left out" })}\n${line({ msg: "one" })}\nplain\n`);
  lines.write(`${line({ name: "relay", msg: "left out" })}\n`);
  expect(written).toHaveLength(1);
  expect(written[0]).toMatch(/^\S+ up one\nplain\n$/);
  expect(lines.dropped()).toBe(3);
});
