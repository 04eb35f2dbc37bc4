import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { keptRunners } from "../../../../src/gateway/runner/kept-runners.ts";
import { silentLogger } from "../../../../src/shared/base/logger.ts";

let folder = "";
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "rr-kept-runners-"))));
afterEach(() => rmSync(folder, { recursive: true }));

test("what was written is read", () => {
  const kept = keptRunners(folder, "gw1", silentLogger());
  expect(kept.read()).toEqual([]);
  kept.write([["r1", { hostname: "h", profile: "p" }]]);
  expect(kept.read()).toEqual([["r1", { hostname: "h", profile: "p" }]]);
  expect(keptRunners(folder, "gw2", silentLogger()).read()).toEqual([]);
});

test.each([
  ["", []],
  ["[1,", []],
  ["{}", []],
  ["null", []],
  ['[["r1",{"hostname":"h","profile":"p"}],["r2",{"hostname":"h"}],["r3"],[4,{}],null,["r5",null]]', ["r1"]],
])("of %s what can be read", (text, runners) => {
  writeFileSync(join(folder, "gateway-gw1.runners.json"), text);
  const kept = keptRunners(folder, "gw1", silentLogger());
  expect(kept.read().map(([runner]) => runner)).toEqual(runners);
});

test("where nothing can be written, the gateway continues", () => {
  keptRunners(join(folder, "none"), "gw1", silentLogger()).write([]);
});
