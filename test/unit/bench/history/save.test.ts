import { existsSync, readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { ROW_NAMES } from "../../../../bench/all-rows.ts";
import { filesOfHistory, readRuns } from "../../../../bench/history/save.ts";

const ROOT = resolve(import.meta.dirname, "../../../..");

test("docs/performance.md and its plots are what `npm run bench -- --page` makes of the history", () => {
  const made = filesOfHistory(ROW_NAMES);
  expect(readRuns().length).toBeGreaterThan(0);
  expect(made.size).toBeGreaterThan(1);
  for (const [path, content] of made) {
    const file = resolve(ROOT, path);
    expect(existsSync(file) ? readFileSync(file, "utf8") : "missing", path).toBe(content);
  }
});

test("there are no other plots", () => {
  const made = [...filesOfHistory(ROW_NAMES).keys()];
  const plots = readdirSync(resolve(ROOT, "docs/performance")).filter((name) => name.endsWith(".svg"));
  expect(plots.filter((name) => !made.includes(`docs/performance/${name}`))).toEqual([]);
});
