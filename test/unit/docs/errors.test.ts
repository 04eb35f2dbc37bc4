import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { ERRORS } from "../../../src/shared/base/errors.ts";

const page = readFileSync(resolve(import.meta.dirname, "../../../docs/errors.md"), "utf8");

/** Rows of the page's tables: code, status, meaning, what to do. */
const rows = page
  .split("\n")
  .filter((line) => line.startsWith("| `"))
  .map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );

test("every code is explained once, and no other", () => {
  const explained = rows.map(([code]) => code?.replaceAll("`", "") ?? "");
  expect(explained.toSorted()).toEqual(Object.keys(ERRORS).toSorted());
  expect(rows.length).toBeGreaterThan(50);
});

test("the page names the status that is answered", () => {
  const shown = Object.fromEntries(rows.map(([code, status]) => [code?.replaceAll("`", ""), status]));
  const real = Object.fromEntries(
    Object.entries(ERRORS).map(([code, entry]) => [code, "status" in entry ? String(entry.status) : "–"]),
  );
  expect(shown).toEqual(real);
});

test("every code says what it means and what to do", () => {
  for (const row of rows) {
    expect(row, row[0]).toHaveLength(4);
    for (const cell of row) expect(cell, row[0]).not.toBe("");
  }
});
