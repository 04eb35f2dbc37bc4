import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { refuseRemnant } from "../../../../src/shared/base/data-folder.ts";

let data: string;
beforeEach(() => (data = mkdtempSync(join(tmpdir(), "rr-data-"))));
afterEach(() => rmSync(data, { recursive: true, force: true }));

test("what an agent made again in the place of a folder that was moved away is no data folder", () => {
  mkdirSync(join(data, "agents/claude"), { recursive: true });
  expect(() => refuseRemnant(data)).toThrow(expect.objectContaining({ code: "data_unusable" }));
});

test.each([
  ["is missing", () => rmSync(data, { recursive: true })],
  ["is empty", () => undefined],
  ["is a worker's, which has nothing else", () => mkdirSync(join(data, "agents/pids"), { recursive: true })],
  [
    "has anything else",
    () => {
      mkdirSync(join(data, "agents/claude"), { recursive: true });
      writeFileSync(join(data, "lock"), "");
    },
  ],
])("one that %s may be used", (_, make) => {
  make();
  expect(() => refuseRemnant(data)).not.toThrow();
});
