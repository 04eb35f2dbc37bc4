import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeFolder } from "../../../../src/cli/up/kept.ts";
import { checkReadyFile } from "../../../../src/cli/up/ready-file.ts";

let folder: string;
const at = (name: string): string => (name.startsWith("/") ? name : join(folder, name));

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "rr-ready-"));
  writeFileSync(at("plain"), "old");
  mkdirSync(at("folder"));
  symlinkSync(at("plain"), at("link"));
  symlinkSync(at("nowhere"), at("dangling"));
  execFileSync("mkfifo", [at("fifo")]);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.each(["plain", "new"])("a ready file that is %s is taken, and not touched yet", (name) => {
  checkReadyFile(at(name));
  expect(readFileSync(at("plain"), "utf8")).toBe("old");
});

test.each([
  ["link", /is a link/],
  ["dangling", /is a link/],
  ["fifo", /not a regular file/],
  ["folder", /not a regular file/],
  ["/dev/null", /not a regular file/],
  ["no/such/folder", /./],
  ["plain/below", /./],
])("a ready file that is %s is refused by name", (name, why) => {
  expect(() => checkReadyFile(at(name))).toThrow(why);
  expect(() => checkReadyFile(at(name))).toThrow(expect.objectContaining({ code: "config_invalid" }));
});

test("a data folder that cannot be made is refused by name", () => {
  for (const name of ["plain", "plain/below"])
    expect(() => makeFolder(at(name))).toThrow(expect.objectContaining({ code: "data_unusable" }));
});
