import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { binOf, ghScript } from "../../../../src/worker/credentials/gh.ts";

let folder: string;
/** Has a `gh` that says what it was given. */
let real: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "rr gh's "));
  real = join(folder, "real");
  for (const at of [real, binOf(folder)]) mkdirSync(at);
  writeFileSync(join(folder, "github-token"), "tok-new\n");
  writeFileSync(join(binOf(folder), "gh"), ghScript(binOf(folder), join(folder, "github-token")));
  writeFileSync(join(real, "gh"), '#!/bin/sh\necho "${GH_TOKEN-none} ${GITHUB_TOKEN-none} $#"\n');
  for (const at of [real, binOf(folder)]) chmodSync(join(at, "gh"), 0o700);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function gh(
  args: string[],
  env: Record<string, string> = {},
  path = `${real}:/usr/bin:/bin`,
): { out: string; code: number | null } {
  const PATH = `${binOf(folder)}:${path}`;
  const { stdout, stderr, status } = spawnSync(join(binOf(folder), "gh"), args, {
    env: { PATH, GITHUB_TOKEN: "tok-old", ...env },
    encoding: "utf8",
  });
  return { out: (stdout + stderr).trim(), code: status };
}

test.each([
  [["pr", "list"]],
  [["api", "repos/o/r/pulls/1"]],
  [["api", "/repos/o/r"]],
  [["repo", "clone", "o/r"]],
  [["repo", "clone", "https://github.com/o/r"]],
  [["repo", "clone", "git@github.com:o/r.git"]],
  [["pr", "list", "-R", "o/r"]],
  [["pr", "list", "--repo", "GitHub.com/o/r"]],
  [["api", "--hostname", "github.com", "x"]],
  [["pr", "create", "--title", "https://evil.ghe.com/o/r", "--body", "see https://evil.example/x"]],
  [["pr", "comment", "1", "-b", "evil.ghe.com/o/r"]],
])("%j gets the newest token", (args) => {
  expect(gh(args)).toEqual({ out: `tok-new tok-old ${args.length}`, code: 0 });
});

test.each([
  [["api", "--hostname", "evil.ghe.com", "x"]],
  [["api", "--hostname=evil.ghe.com", "x"]],
  [["auth", "status", "-h", "evil.ghe.com"]],
  [["pr", "list", "-R", "evil.ghe.com/o/r"]],
  [["pr", "list", "-Revil.ghe.com/o/r"]],
  [["pr", "list", "--repo=https://evil.ghe.com/o/r"]],
  [["repo", "clone", "evil.ghe.com/o/r"]],
  [["repo", "clone", "https://evil.ghe.com/o/r"]],
  [["repo", "clone", "--no-upstream", "https://github.com.evil.ghe.com/o/r"]],
  [["repo", "clone", "https://github.com@evil.ghe.com/o/r"]],
  [["repo", "clone", "https://github.com:x@evil.ghe.com/o/r"]],
  [["repo", "clone", "https://github.com:8443/o/r"]],
  [["repo", "clone", "https://github.com./o/r"]],
  [["repo", "clone", "git@github.com.evil.ghe.com:o/r.git"]],
  [["api", "https://evil.ghe.com?github.com"]],
  [["api", "http://github.com/x"]],
  [["api", "https://gіthub.com/x"]],
])("%j gets none", (args) => {
  expect(gh(args)).toEqual({ out: `none none ${args.length}`, code: 0 });
});

test("variables that name another host count as well", () => {
  expect(gh(["pr", "list"], { GH_HOST: "evil.ghe.com" }).out).toBe("none none 2");
  expect(gh(["pr", "list"], { GH_REPO: "evil.ghe.com/o/r" }).out).toBe("none none 2");
  expect(gh(["pr", "list"], { GH_HOST: "github.com" }).out).toBe("tok-new tok-old 2");
});

test("without a real gh it says so", () => {
  expect(gh(["pr", "list"], {}, join(folder, "nothing"))).toEqual({
    out: "gh is not installed on this machine",
    code: 1,
  });
});
