import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { execFileSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { editText, listFolder, readText, writeText } from "../../../../src/agents/claude-api/files.ts";

let dir: string;
let work: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "rr-confined-"));
  work = join(dir, "work");
  mkdirSync(join(work, "sub"), { recursive: true });
  writeFileSync(join(work, "a.txt"), "alpha beta");
  writeFileSync(join(dir, "secret"), "secret");
  mkdirSync(join(dir, "work-beside"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const secret = (): string => readFileSync(join(dir, "secret"), "utf8");

test("files of the workspace are read, written and changed, with the folders above them", async () => {
  expect(await readText(work, "a.txt")).toBe("alpha beta");
  expect(await readText(work, join(work, "sub", "..", "a.txt"))).toBe("alpha beta");
  await writeText(work, "new/deep/b.txt", "é");
  expect(readFileSync(join(work, "new/deep/b.txt"), "utf8")).toBe("é");
  await writeText(work, "a.txt", "x");
  expect(await readText(work, "a.txt")).toBe("x");
  await editText(work, "a.txt", { old: "x", next: "longer" });
  await editText(work, "a.txt", { old: "longer", next: "y" });
  expect(await readText(work, "a.txt")).toBe("y");
  expect(await listFolder(work, ".")).toBe("a.txt\nnew/\nsub/");
  expect(await listFolder(work, "sub")).toBe("(empty)");
});

test.each(["", "none", "a"])("an edit of what does not stand there once changes nothing: %j", async (old) => {
  await expect(editText(work, "a.txt", { old, next: "!" })).rejects.toThrow(/not once/);
  expect(await readText(work, "a.txt")).toBe("alpha beta");
});

test.each(["../secret", "/etc/passwd", "sub/../../secret", "../work-beside/x", "..", "/"])(
  "a path that leads out is refused: %s",
  async (path) => {
    await expect(readText(work, path)).rejects.toThrow();
    await expect(writeText(work, path, "changed")).rejects.toThrow();
    expect(secret()).toBe("secret");
  },
);

test("links are not followed, wherever they stand", async () => {
  symlinkSync(join(dir, "secret"), join(work, "link"));
  symlinkSync(dir, join(work, "out"));
  symlinkSync(join(work, "sub"), join(work, "in"));
  for (const path of ["link", "out/secret", "out/new"]) {
    await expect(readText(work, path)).rejects.toThrow();
    await expect(writeText(work, path, "changed")).rejects.toThrow();
    await expect(editText(work, path, { old: "secret", next: "x" })).rejects.toThrow();
  }
  await expect(writeText(work, "out/deeper/x", "1")).rejects.toThrow();
  await expect(listFolder(work, "out")).rejects.toThrow(/outside/);
  expect(secret()).toBe("secret");
  await writeText(work, "in/ok", "1"); // a folder's link within the workspace is resolved
  expect(await readText(work, "sub/ok")).toBe("1");
});

test("what is no file does not keep the agent waiting", async () => {
  execFileSync("mkfifo", [join(work, "pipe")]);
  await expect(readText(work, "pipe")).rejects.toThrow(/no file/);
  await expect(readText(work, "sub")).rejects.toThrow();
});

test("a file that is too large is not read", async () => {
  writeFileSync(join(work, "large"), "x".repeat(1024 * 1024 + 1));
  await expect(readText(work, "large")).rejects.toThrow(/at most/);
});

test("a folder that is swapped for a link meanwhile opens nothing", async () => {
  writeFileSync(join(work, "sub", "secret"), "mine");
  const swap = (): void => {
    renameSync(join(work, "sub"), join(work, "sub2"));
    symlinkSync(dir, join(work, "sub"));
    rmSync(join(work, "sub"));
    renameSync(join(work, "sub2"), join(work, "sub"));
  };
  const read = new Set<string>();
  for (let i = 0; i < 200; i++) {
    const tries = Promise.allSettled([readText(work, "sub/secret"), writeText(work, "sub/secret", "mine")]);
    for (let j = 0; j < 5; j++) {
      swap();
      await new Promise((resolve) => setImmediate(resolve));
    }
    const [text] = await tries;
    if (text?.status === "fulfilled") read.add(text.value);
  }
  expect([...read].filter((it) => it !== "mine" && it !== "")).toEqual([]);
  expect(secret()).toBe("secret");
});
