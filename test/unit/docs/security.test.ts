import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";

/** docs/security.md claims nothing that no test shows: the last cell of every line names tests that are there. */

const ROOT = resolve(import.meta.dirname, "../../..");
const page = readFileSync(resolve(ROOT, "docs/security.md"), "utf8");

type Shown = { file: string; title: string | undefined };

/** Lines of the tables: what they are about, and the tests that show them. Pure. */
function rowsOf(text: string): { about: string; shown: Shown[] }[] {
  return text
    .split("\n")
    .filter((line) => line.startsWith("| **"))
    .map((line) => {
      const cells = line.split(/(?<!\\)\|/).slice(1, -1);
      const tests = (cells.at(-1) ?? "").matchAll(/`(?<file>test\/[^`]+)`(?:: "(?<title>[^"]+)")?/g);
      return {
        about: (cells[0] ?? "").trim(),
        shown: [...tests].map(({ groups }) => ({ file: groups?.["file"] ?? "", title: groups?.["title"] })),
      };
    });
}

const rows = rowsOf(page);

test("every line names its tests, and they are there with these titles", () => {
  for (const { about, shown } of rows) {
    expect(shown.length, about).toBeGreaterThan(0);
    for (const { file, title } of shown) {
      expect(existsSync(resolve(ROOT, file)), `${about}: ${file}`).toBe(true);
      if (title !== undefined) expect(readFileSync(resolve(ROOT, file), "utf8"), about).toContain(title);
    }
  }
});

test.each([
  "executor",
  "local user",
  "gateway login",
  "relay",
  "broker",
  "coordinator",
  "backup",
  "web page",
])("%s has its line", (who) => {
  expect(rows.filter(({ about }) => about.includes(who))).not.toEqual([]);
});

test("a line without a test, or with one that is not there, is found", () => {
  const text =
    '| **a** | x | y | nothing |\n| **b** | x \\| z | y | `test/a.test.ts`: "title"; `test/b.test.ts` |';
  expect(rowsOf(text)).toEqual([
    { about: "**a**", shown: [] },
    {
      about: "**b**",
      shown: [
        { file: "test/a.test.ts", title: "title" },
        { file: "test/b.test.ts", title: undefined },
      ],
    },
  ]);
});
