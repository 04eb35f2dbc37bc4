import { existsSync, readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { ALL_SETTINGS } from "../../../src/shared/config/index.ts";
import { variableNames } from "../../../src/shared/config/load.ts";

const ROOT = resolve(import.meta.dirname, "../../..");
const FOLDER = resolve(ROOT, "deploy/systemd");
const units = readdirSync(FOLDER).filter((file) => file.endsWith(".service"));

test.each(units)("%s runs a command that exists, with settings that exist", (unit) => {
  const text = readFileSync(resolve(FOLDER, unit), "utf8");
  const [, command] = /^ExecStart=runner-relay (\w+)$/m.exec(text) ?? [];
  expect(existsSync(resolve(ROOT, `src/cli/${command}.ts`)), `src/cli/${command}.ts`).toBe(true);
  const names = [...text.matchAll(/^Environment=(\w+)=/gm)].map(([, name]) => name);
  expect(names.length).toBeGreaterThan(0);
  for (const name of names) expect(variableNames(ALL_SETTINGS)).toContain(name);
});

test("no unit starts again what only a person can heal, and none holds a secret", () => {
  expect(units).toHaveLength(3);
  for (const unit of units) {
    const text = readFileSync(resolve(FOLDER, unit), "utf8");
    expect(text).toContain("RestartPreventExitStatus=78");
    expect(text).not.toMatch(/^Environment=\w*(?:PASSWORD|SECRET|TOKEN|KEY)=/m);
  }
});
