import { existsSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { makeOwnFolder } from "../../../../src/shared/base/own-folder.ts";

function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), "rr-own-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

test("every level that is missing is made, for its user alone", () => {
  const top = scratch();
  makeOwnFolder(join(top, "a", "b", "c"));
  for (const path of ["a", "a/b", "a/b/c"]) expect(statSync(join(top, path)).mode & 0o777).toBe(0o700);
});

test("what is there stays as it is, behind a link too", () => {
  const top = scratch();
  makeOwnFolder(top);
  symlinkSync(top, join(top, "link"));
  makeOwnFolder(join(top, "link", "below"));
  expect(existsSync(join(top, "below"))).toBe(true);
});

test.each([
  ["a file in the way", (top: string) => (writeFileSync(join(top, "f"), ""), join(top, "f", "x")), "EEXIST"],
  ["a file in its place", (top: string) => (writeFileSync(join(top, "f"), ""), join(top, "f")), "EEXIST"],
  [
    "a link to nothing",
    (top: string) => (symlinkSync(join(top, "no"), join(top, "l")), join(top, "l")),
    "EEXIST",
  ],
])("%s is said", (_, placeIn, code) => {
  const path = placeIn(scratch());
  expect(() => makeOwnFolder(path)).toThrow(expect.objectContaining({ code }));
});

test("a file system that makes no folders is said at once", () => {
  expect(() => makeOwnFolder("/proc/nope/data")).toThrow(/mkdir/);
});
