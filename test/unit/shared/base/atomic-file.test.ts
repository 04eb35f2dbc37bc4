import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { replaceFile } from "../../../../src/shared/base/atomic-file.ts";

test("a file with a secret is its user's alone, also over one that was not, and leaves nothing else", () => {
  const folder = mkdtempSync(join(tmpdir(), "rr-atomic-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "ready.json");
  writeFileSync(file, "old", { mode: 0o644 });
  replaceFile(file, "secret\n");
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readFileSync(file, "utf8")).toBe("secret\n");
  const elsewhere = join(folder, "elsewhere");
  symlinkSync(elsewhere, `${file}.link`);
  replaceFile(`${file}.link`, "secret\n");
  expect(readdirSync(folder).toSorted()).toEqual(["ready.json", "ready.json.link"]); // nothing was written through the link
});

test("what cannot be written leaves what was there, and nothing else", () => {
  const folder = mkdtempSync(join(tmpdir(), "rr-atomic-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "taken"));
  expect(() => replaceFile(join(folder, "taken"), "text", { flush: true })).toThrow(/EISDIR|EEXIST/);
  expect(readdirSync(folder)).toEqual(["taken"]);
});
