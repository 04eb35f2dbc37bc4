import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { FAULT_KINDS, readRules } from "../../../src/standin/faults.ts";

const page = readFileSync(resolve(import.meta.dirname, "../../../docs/operations/stand-in.md"), "utf8");

test("every action of the stand-in is explained once, with an example that it takes", () => {
  const actions = Array.from(
    page.matchAll(/^\| `(\{"kind": .*?\})` \|/gm),
    ([, json = ""]) => JSON.parse(json) as { kind: string },
  );
  expect(new Set(actions.map(({ kind }) => kind))).toEqual(FAULT_KINDS);
  expect(actions).toHaveLength(FAULT_KINDS.size);
  for (const action of actions) expect(readRules({ rules: [{ action }] })).toEqual([{ action }]);
});

test("the rules of the example are taken", () => {
  const rules: unknown = JSON.parse(/-d '(\{"rules".*?\})'\n/s.exec(page)?.[1] ?? "");
  expect(readRules(rules)).toHaveLength(1);
});
