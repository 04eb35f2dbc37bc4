import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { findProgram } from "../../../../src/shared/base/find-program.ts";

test("the first file on the path that may be run, and no folder of that name", () => {
  const folder = mkdtempSync(join(tmpdir(), "rr-path-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const [a, b, c] = ["a", "b", "c"].map((name) => join(folder, name)) as [string, string, string];
  mkdirSync(join(a, "claude"), { recursive: true });
  for (const place of [b, c]) {
    mkdirSync(place);
    writeFileSync(join(place, "claude"), "");
  }
  chmodSync(join(b, "claude"), 0o600);
  chmodSync(join(c, "claude"), 0o700);
  expect(findProgram("claude", `${a}::${b}:${c}`)).toBe(join(c, "claude"));
  expect(findProgram("claude", `${a}:${b}`)).toBeUndefined();
  expect(findProgram("claude", undefined)).toBeUndefined();
});
