import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { placesIn, withTables } from "../../../faults/reliability/page.ts";
import { readResults, type Result } from "../../../faults/reliability/results.ts";

const DOCS = join(import.meta.dirname, "../../../../docs");

test("docs/reliability.md has the tables that `npm run reliability` makes of the results", () => {
  const page = readFileSync(join(DOCS, "reliability.md"), "utf8");
  expect(placesIn(page)).toEqual(["claims", "rounds", "rivals", "controls"]);
  expect(withTables(page, readResults(join(DOCS, "reliability")))).toBe(page);
});

test("a table stands between its marks, and the rest of the page stays", () => {
  const result: Result = {
    is: "control",
    control: "no-key",
    what: "no key",
    caught: true,
    found: "3 repeats without their key",
    date: "2026-12-01",
    seed: 1,
    versions: {},
  };
  const page = "a\n<!-- made by npm run reliability: controls -->\nold\n<!-- end of controls -->\nb\n";
  const made = withTables(page, [result]);
  expect(made).toContain("| `no-key` | no key | 3 repeats without their key | yes |");
  expect(made).not.toContain("old");
  expect(made).toMatch(/^a\n[^]*\nb\n$/);
  expect(withTables(made, [result])).toBe(made);
});
