import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  readKeptFileSync,
  readShortFile,
  readShortFileSync,
} from "../../../../src/shared/base/short-file.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "rr-short-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function fileWith(text: string): string {
  const file = join(folder, `${text.length}`);
  writeFileSync(file, text);
  return file;
}

describe("a file that is read whole", () => {
  test.each([0, 1, 99, 100])("of %i bytes, within a limit of 100", async (length) => {
    const text = "é".repeat(length >> 1) + "x".repeat(length % 2);
    const file = fileWith(text);
    expect(readShortFileSync(file, 100)).toBe(text);
    expect(await readShortFile(file, 100)).toBe(text);
  });

  test("of one byte more is refused", async () => {
    const file = fileWith("x".repeat(101));
    expect(() => readShortFileSync(file, 100)).toThrow("longer than 100 bytes");
    await expect(readShortFile(file, 100)).rejects.toMatchObject({ code: "EFBIG" });
  });

  test.runIf(process.platform === "linux")("without an end is refused", async () => {
    expect(() => readShortFileSync("/dev/zero")).toThrow("longer than");
    await expect(readShortFile("/dev/zero")).rejects.toThrow("longer than");
  });

  test("of our own keeping is a plain file: nothing else is waited for", () => {
    expect(readKeptFileSync(fileWith("kept"), 100)).toBe("kept");
    expect(() => readKeptFileSync(fileWith("x".repeat(101)), 100)).toThrow("longer than 100 bytes");
    expect(() => readKeptFileSync(join(folder, "none"))).toThrow("ENOENT");
    const places: [string, (file: string) => void][] = [
      ["folder", (file) => mkdirSync(file)],
      ["fifo", (file) => execFileSync("mkfifo", [file])],
      ["device", (file) => symlinkSync("/dev/zero", file)],
    ];
    for (const [name, make] of places) {
      make(join(folder, name));
      expect(() => readKeptFileSync(join(folder, name)), name).toThrow(
        expect.objectContaining({ code: "EINVAL" }),
      );
    }
  });

  test("that is not there is the error of reading", async () => {
    expect(() => readShortFileSync(join(folder, "none"))).toThrow("ENOENT");
    await expect(readShortFile(join(folder, "none"))).rejects.toThrow("ENOENT");
  });
});
