import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { lockFolder } from "../../../src/embedded/lock.ts";

let folder = "";
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "rr-lock-"))));
afterEach(() => rmSync(folder, { recursive: true }));

const DAMAGES: [string, (file: string) => void][] = [
  ["a folder", (file) => mkdirSync(file)],
  ["a FIFO", (file) => execFileSync("mkfifo", [file])],
  ["a link to a device", (file) => symlinkSync("/dev/zero", file)],
  ["a link to nowhere", (file) => symlinkSync("/nowhere/at/all", file)],
];

test("one process has it at a time, and it is free again when that one is done", () => {
  const release = lockFolder(folder);
  expect(() => lockFolder(folder)).toThrow(
    expect.objectContaining({
      code: "data_locked",
      message: expect.stringContaining(`process ${process.pid}`),
    }),
  );
  release();
  lockFolder(folder)();
});

describe.each(["lock", "lock-journal", "lock-wal"])("%s", (name) => {
  test.each(DAMAGES)("that is %s is refused by name at once", (_, damage) => {
    damage(join(folder, name));
    expect(() => lockFolder(folder)).toThrow(
      expect.objectContaining({
        code: "data_unusable",
        message: expect.stringContaining(join(folder, name)),
      }),
    );
  });
});

test("a lock with wrong contents is refused, with what to do", () => {
  writeFileSync(join(folder, "lock"), "no database".repeat(100));
  expect(() => lockFolder(folder)).toThrow(
    expect.objectContaining({
      code: "data_unusable",
      message: expect.stringMatching(/`lock` is not a valid lock file; remove it/),
    }),
  );
});

test("an empty lock, as it was made, is one", () => {
  writeFileSync(join(folder, "lock"), "");
  lockFolder(folder)();
});

test.each(DAMAGES.slice(1))("an owner file that is %s is replaced", (_, damage) => {
  damage(join(folder, "lock.owner"));
  const release = lockFolder(folder);
  expect(readFileSync(join(folder, "lock.owner"), "utf8")).toBe(`${process.pid}\n`);
  release();
});

test("an owner file that is a folder is refused by name", () => {
  mkdirSync(join(folder, "lock.owner"));
  expect(() => lockFolder(folder)).toThrow(expect.objectContaining({ code: "data_unusable" }));
  rmSync(join(folder, "lock.owner"), { recursive: true });
  lockFolder(folder)(); // nothing was left locked
});

test("a folder that is missing is made, for its user alone; one that cannot be is refused", () => {
  lockFolder(join(folder, "a", "b"))();
  expect(existsSync(join(folder, "a", "b", "lock"))).toBe(true);
  writeFileSync(join(folder, "file"), "");
  expect(() => lockFolder(join(folder, "file", "below"))).toThrow(
    expect.objectContaining({ code: "data_unusable" }),
  );
});
