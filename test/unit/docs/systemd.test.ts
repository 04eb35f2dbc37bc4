import { existsSync, readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { ALL_SETTINGS } from "../../../src/shared/settings/index.ts";
import { variableNames } from "../../../src/shared/base/config/load.ts";

const ROOT = resolve(import.meta.dirname, "../../..");
const FOLDER = resolve(ROOT, "deploy/systemd");
const units = readdirSync(FOLDER).filter((file) => file.endsWith(".service"));
const ours = units.filter((unit) => unit !== "runner-relay-nats.service");
/** Of Node, the C library and caches. */
const FOREIGN = ["XDG_CACHE_HOME", "MALLOC_ARENA_MAX"];

function read(unit: string): string {
  return readFileSync(resolve(FOLDER, unit), "utf8");
}

test.each(ours)("%s runs a command that exists, with settings that exist", (unit) => {
  const text = read(unit);
  const [, command] = /^ExecStart=runner-relay (\w+)(?: --\w+)?$/m.exec(text) ?? [];
  expect(existsSync(resolve(ROOT, `src/cli/${command}.ts`)), `src/cli/${command}.ts`).toBe(true);
  const names = [...text.matchAll(/^Environment=(\w+)=/gm)].map(([, name]) => name);
  expect(names.length).toBeGreaterThan(0);
  for (const name of names) expect([...variableNames(ALL_SETTINGS), ...FOREIGN]).toContain(name);
});

test("no service gives up starting, none starts again what only a person can heal, and none holds a secret", () => {
  expect(units).toHaveLength(10);
  for (const unit of units) {
    const text = read(unit);
    expect(text, unit).not.toMatch(/^Environment=\w*(?:PASSWORD|SECRET|TOKEN|KEY)=/m);
    if (text.includes("Type=oneshot")) continue; // its timer starts it again
    expect(text, unit).toContain("StartLimitIntervalSec=0"); // by default a unit that fails 5 times in 10 s stays down
    expect(text, unit).toContain("RestartSec=1");
    if (ours.includes(unit)) expect(text, unit).toContain("RestartPreventExitStatus=78");
  }
});
