import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readShortFile, readShortFileSync } from "../../../src/shared/short-file.ts";

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

  test("that is not there is the error of reading", async () => {
    expect(() => readShortFileSync(join(folder, "none"))).toThrow("ENOENT");
    await expect(readShortFile(join(folder, "none"))).rejects.toThrow("ENOENT");
  });
});
