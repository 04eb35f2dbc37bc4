import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { createKeptPort } from "../../../src/gateway/port.ts";

describe("the kept port", () => {
  const folders: string[] = [];
  afterEach(() => {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
  });

  test("is kept per gateway; nonsense in the file counts as none", () => {
    const folder = mkdtempSync(join(tmpdir(), "rr-port-"));
    folders.push(folder);
    const data = join(folder, "data");
    const port = createKeptPort(data, "gw/1");
    expect(port.read()).toBeUndefined();
    expect(() => port.keep(4711)).toThrow(expect.objectContaining({ code: "data_unusable" }));
    expect(existsSync(data), "a folder that was moved away is not made anew").toBe(false);
    mkdirSync(data);
    port.keep(4711);
    expect(port.read()).toBe(4711);
    expect(createKeptPort(data, "gw2").read()).toBeUndefined();
    const [file = ""] = readdirSync(data);
    for (const text of ["", "0", "70000", "abc"]) {
      writeFileSync(join(data, file), text);
      expect(port.read()).toBeUndefined();
    }
  });
});
