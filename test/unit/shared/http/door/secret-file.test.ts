import fs, {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { pageTokenOf } from "../../../../../src/shared/http/door/page-token.ts";
import { keepSecret, readSecret } from "../../../../../src/shared/http/door/secret-file.ts";
import { secretProblem } from "../../../../../src/shared/http/door/secret.ts";

/** As on a file system without hard links, until the test ends. */
function withoutHardLinks(): void {
  const { linkSync } = fs;
  const set = (link: typeof linkSync): void => {
    fs.linkSync = link;
    syncBuiltinESMExports();
  };
  set(() => {
    throw Object.assign(new Error("operation not permitted"), { code: "EPERM" });
  });
  onTestFinished(() => set(linkSync));
}

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "rr-secret-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

test("it is made once, for its user alone, and leaves nothing else behind", () => {
  const where = folder();
  const made = keepSecret(where, "key");
  expect(made).toMatch(/^[\w-]{43}$/);
  expect(keepSecret(where, "key")).toBe(made);
  expect(keepSecret(where, "other")).not.toBe(made);
  expect(statSync(join(where, "key")).mode & 0o777).toBe(0o600);
  expect(readdirSync(where).toSorted()).toEqual(["key", "other"]);
});

test.each<[string, (file: string) => void]>([
  ["that others may read", (file) => chmodSync(file, 0o644)],
  ["that its group may write", (file) => chmodSync(file, 0o620)],
  ["that is empty, as after a power loss", (file) => writeFileSync(file, "")],
  ["that is too short", (file) => writeFileSync(file, "short\n")],
  ["that is no text", (file) => writeFileSync(file, Buffer.alloc(64))],
])("one %s is replaced", (_, spoil) => {
  const where = folder();
  const before = keepSecret(where, "key");
  spoil(join(where, "key"));
  expect(readSecret(join(where, "key"))).toBeUndefined();
  const after = keepSecret(where, "key");
  expect(after).not.toBe(before);
  expect(statSync(join(where, "key")).mode & 0o777).toBe(0o600);
  expect(keepSecret(where, "key")).toBe(after);
  expect(readdirSync(where)).toEqual(["key"]);
});

test("where the file system has no hard links it is kept all the same", () => {
  withoutHardLinks();
  const where = folder();
  const made = keepSecret(where, "key");
  expect(keepSecret(where, "key")).toBe(made);
  expect(readdirSync(where)).toEqual(["key"]);
});

test("a link to somewhere else is neither followed nor written through", () => {
  const where = folder();
  const elsewhere = join(where, "elsewhere");
  writeFileSync(elsewhere, "a-secret-of-somebody-else\n", { mode: 0o600 });
  symlinkSync(elsewhere, join(where, "key"));
  expect(keepSecret(where, "key")).not.toContain("somebody");
  expect(readFileSync(elsewhere, "utf8")).toBe("a-secret-of-somebody-else\n");
});

test("a folder that cannot be used is said by its code, and one that is missing is not made", () => {
  const where = folder();
  const gone = join(where, "gone");
  expect(() => keepSecret(gone, "key")).toThrow(expect.objectContaining({ code: "data_unusable" }));
  expect(existsSync(gone)).toBe(false);
  writeFileSync(join(where, "file"), "");
  expect(() => keepSecret(join(where, "file"), "key")).toThrow(
    expect.objectContaining({ code: "data_unusable" }),
  );
});

test.each([
  ["0123456789abcdef", undefined],
  ["0123456789abcde", "must have at least 16 characters"],
  ["x".repeat(513), "must have at most 512 characters"],
  ["0123456789 abcdef", "must be visible ASCII, without spaces"],
  ["0123456789abcdé\u00e9", "must be visible ASCII, without spaces"],
])("a chosen secret %j: %s", (secret, problem) => {
  expect(secretProblem(secret)).toBe(problem);
});

test("a configured token counts, and a weak one is refused with the variable's name", () => {
  const where = folder();
  expect(pageTokenOf("a-token-that-i-chose", where)).toBe("a-token-that-i-chose");
  expect(readdirSync(where)).toEqual([]);
  expect(() => pageTokenOf("weak", where)).toThrow(
    expect.objectContaining({
      code: "config_invalid",
      message: expect.stringMatching(/^RUNNER_RELAY_PAGE_TOKEN /),
    }),
  );
  expect(pageTokenOf(undefined, where)).toBe(keepSecret(where, "page-token"));
});
