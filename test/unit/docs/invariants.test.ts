import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";

const ROOT = resolve(import.meta.dirname, "../../..");
const page = readFileSync(resolve(ROOT, "docs/architecture.md"), "utf8");

const NAMES = [
  "DURABLE",
  "ORDER",
  "SETTLE",
  "ONCE",
  "OWN",
  "CRED",
  "ISOLATE",
  "BOUND",
  "SEEN",
  "WATCH",
  "TURN",
  "OWNER",
  "ASK",
  "USER",
  "LEFT",
  "HONEST",
];

/** Rows of the table: name, what holds, kept by, shown by. */
const rows = page
  .split("\n")
  .filter((line) => /^\| \*\*[A-Z]+-1\*\*/.test(line))
  .map((line) => line.split("|").slice(1, -1));

test("every invariant has its row", () => {
  expect(rows.map(([name]) => name?.replaceAll(/[*\s]/g, ""))).toEqual(NAMES.map((name) => `${name}-1`));
});

test("the tests that are named show it: the invariant stands in one of their titles", () => {
  for (const [name = "", , , shown = ""] of rows) {
    const invariant = name.replaceAll(/[*\s]/g, "");
    const files = [...shown.matchAll(/`(test\/[^`]+)`/g)].map(([, file]) => file ?? "");
    expect(files.length, invariant).toBeGreaterThan(0);
    for (const file of files) {
      const text = readFileSync(resolve(ROOT, file), "utf8");
      expect(text, `${file} names ${invariant}`).toMatch(new RegExp(`["\`][^"\`\\n]*${invariant}\\b`));
    }
  }
});
