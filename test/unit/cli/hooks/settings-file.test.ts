import {
  chmodSync,
  existsSync,
  lstatSync,
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
import { afterEach, beforeEach, expect, test } from "vitest";
import { changeSettings, copyOf, readSettings } from "../../../../src/cli/hooks/settings-file.ts";

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "rr-settings-"));
  file = join(folder, "settings.json");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const keep = (): boolean => true;
const refusal = expect.objectContaining({ code: "config_invalid" }) as Error;

test("what somebody changed since it was read is what is changed, and copied", () => {
  writeFileSync(file, "{}");
  const { file: named } = readSettings(file);
  writeFileSync(file, '{"model": "x"}');
  changeSettings(named, (text) => text.replace("x", "y"), keep);
  expect(readFileSync(file, "utf8")).toBe('{"model": "y"}');
  expect(readFileSync(copyOf(file), "utf8")).toBe('{"model": "x"}');
});

test("a link stays one, and permissions and a byte order mark stay as they were", () => {
  const target = join(folder, "dotfiles.json");
  writeFileSync(target, "\uFEFF{}");
  chmodSync(target, 0o664);
  symlinkSync(target, file);
  changeSettings(file, () => '{"a": 1}');
  expect(lstatSync(file).isSymbolicLink()).toBe(true);
  expect(readFileSync(target, "utf8")).toBe('\uFEFF{"a": 1}');
  expect(statSync(target).mode & 0o777).toBe(0o664);
});

test("a new file is its user's alone, and nothing is written where nothing changes", () => {
  changeSettings(join(folder, "new/settings.json"), () => "{}");
  expect(statSync(join(folder, "new/settings.json")).mode & 0o777).toBe(0o600);
  expect(statSync(join(folder, "new")).mode & 0o777).toBe(0o700);
  changeSettings(file, (text) => text, keep);
  expect(existsSync(file)).toBe(false);
});

test.each([
  ["a link to nothing", () => symlinkSync(join(folder, "none"), file)],
  ["a folder", () => symlinkSync(folder, file)],
  ["bytes that are no UTF-8", () => writeFileSync(file, Buffer.from([0x7b, 0xff, 0x7d]))],
  ["hooks that are a list", () => writeFileSync(file, '{"hooks": []}')],
  ["more than a megabyte", () => writeFileSync(file, `{"a": "${"x".repeat(2 ** 20)}"}`)],
])("%s is refused and stays", (_, make) => {
  make();
  const before = readdirSync(folder);
  expect(() => readSettings(file)).toThrow(refusal);
  expect(() => changeSettings(file, () => "{}", keep)).toThrow(refusal);
  expect(readdirSync(folder)).toEqual(before);
});

test("what cannot be written is refused, and no draft is left behind", () => {
  writeFileSync(file, "{}");
  expect(() => changeSettings(join(file, "settings.json"), () => "{}")).toThrow(refusal);
  const failing = (): string => {
    throw new Error("no");
  };
  expect(() => changeSettings(file, failing, keep)).toThrow(refusal);
  expect(readdirSync(folder)).toEqual(["settings.json"]);
});
