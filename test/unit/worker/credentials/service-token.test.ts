import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { serviceToken } from "../../../../src/worker/credentials/service-token.ts";

test("its file is read each time; one that is replaced, empty or gone changes nothing but what it says", async () => {
  const folder = mkdtempSync(join(tmpdir(), "rr-token-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "token");
  const learned: string[] = [];
  const token = serviceToken({ value: "first", file }, (it) => learned.push(it));
  expect(await token.current()).toBe("first"); // there is no file
  writeFileSync(`${file}.new`, "second\n");
  renameSync(`${file}.new`, file);
  expect(await token.renew("first")).toBe("second");
  expect(await token.renew("second")).toBeUndefined();
  for (const text of ["", "two words\n", "x".repeat(2_000_000)]) {
    writeFileSync(file, text);
    expect(await token.current()).toBe("second");
  }
  expect(learned).toEqual(["second"]);
});

test("without a file it is what it is, or nothing", async () => {
  const learn = (): void => expect.unreachable();
  const fixed = serviceToken({ value: "t", file: undefined }, learn);
  expect([await fixed.current(), await fixed.renew("t")]).toEqual(["t", undefined]);
  expect(await serviceToken({ value: undefined, file: undefined }, learn).current()).toBeUndefined();
});
