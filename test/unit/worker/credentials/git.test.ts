import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { gitScript, gitVariables } from "../../../../src/worker/credentials/git.ts";
import type { Given } from "../../../../src/worker/credentials/given.ts";

const HOSTS = [
  { host: "github.com", user: "x-access-token", file: "github-token" },
  { host: "git.example:8443", user: "oauth2", file: "gitlab-token" },
];
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "rr git's "));
  writeFileSync(join(folder, "github-token"), "tok-github\n");
  writeFileSync(join(folder, "gitlab-token"), "tok-gitlab\n");
  writeFileSync(join(folder, "git-credential"), gitScript(HOSTS, folder));
  chmodSync(join(folder, "git-credential"), 0o700);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function ask(input: string, action = "get"): string {
  const { stdout } = spawnSync(join(folder, "git-credential"), [action], { input, encoding: "utf8" });
  return stdout;
}
const forHost = (host: string, protocol = "https"): string => ask(`protocol=${protocol}\nhost=${host}\n\n`);
const GITHUB = "username=x-access-token\npassword=tok-github\n";
const GITLAB = "username=oauth2\npassword=tok-gitlab\n";

test.each([
  ["github.com", GITHUB],
  ["GitHub.COM", GITHUB],
  ["github.com:443", GITHUB],
  ["git.example:8443", GITLAB],
])("%s has a login", (host, login) => {
  expect(forHost(host)).toBe(login);
});

test.each([
  "evil-github.example",
  "github.com.evil.example",
  "evilgithub.com",
  "notgithub.com",
  "www.github.com",
  "github.com.",
  "github.com:8443",
  "github.com:80",
  "github.com:4430",
  "github.com@evil.example",
  "evil.example@github.com",
  "github.com/evil.example",
  "github.com#evil.example",
  "github.com\\evil.example",
  " github.com",
  "github.com ",
  "gıthub.com",
  "gіthub.com",
  "xn--gthub-n4a.com",
  "ｇithub.com",
  "GITHUB.COM.EVIL.EXAMPLE",
  "git.example",
  "git.example:443",
  "git.example:8443.evil.example",
  "*",
  "?ithub.com",
  "[g]ithub.com",
  "$(echo github.com)",
  "",
  "127.0.0.1",
])("%j has none", (host) => {
  expect(forHost(host)).toBe("");
});

test("only https, only one host, and nothing is stored or erased", () => {
  expect(forHost("github.com", "http")).toBe("");
  expect(forHost("github.com", "ssh")).toBe("");
  expect(ask("host=github.com\n\n")).toBe("");
  expect(ask("protocol=https\nhost=github.com\nhost=github.com\n\n")).toBe("");
  expect(ask("protocol=https\nhost=evil.example\nhost=github.com\n\n")).toBe("");
  expect(ask("protocol=https\n\nhost=github.com\n")).toBe("");
  for (const action of ["store", "erase", "", "GET"])
    expect(ask("protocol=https\nhost=github.com\n\n", action)).toBe("");
});

test("no host but the exact ones has a login, whatever it is made of", () => {
  const part = fc.constantFrom(
    "github",
    ".",
    "com",
    "evil",
    "-",
    ":",
    "443",
    "@",
    "/",
    "é",
    "İ",
    " ",
    "'",
    "*",
    "git.example",
  );
  const host = fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => parts.join(""));
  fc.assert(
    fc.property(host, (it) => {
      const exact = ["github.com", "github.com:443"].includes(it);
      expect(forHost(it)).toBe(exact ? GITHUB : "");
    }),
    { numRuns: 150 },
  );
});

test("git is told by variables: it asks no other program where we have a login", () => {
  const given = { hosts: HOSTS, identity: { name: "Ann", email: "a@b.example" } } as unknown as Given;
  const env = gitVariables(given, "/f");
  expect(Object.keys(env)).toHaveLength(1 + 2 * 6);
  expect(env).toMatchObject({
    GIT_CONFIG_COUNT: "6",
    GIT_CONFIG_KEY_0: "credential.https://github.com.helper",
    GIT_CONFIG_VALUE_0: "",
    GIT_CONFIG_VALUE_1: "!'/f/git-credential'",
    GIT_CONFIG_KEY_4: "user.name",
    GIT_CONFIG_VALUE_5: "a@b.example",
  });
  expect(gitVariables({ hosts: [], identity: {} } as unknown as Given, "/f")).toEqual({});
});
