import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { parseKeys, SCOPES, wholeKey } from "../../../../src/sessions/access/keys.ts";

const hash = (text: string): string => createHash("sha256").update(text).digest("hex");
const line = (it: object): string =>
  JSON.stringify({ sha256: hash("k"), user: "ann", scopes: ["read"], ...it });

test("keys are read line by line, without comments and empty lines", () => {
  const text = [
    "# people",
    line({ user: "ann", scopes: ["read", "user"] }),
    "",
    line({ sha256: hash("other").toUpperCase(), user: "bob@x.org", scopes: ["write"], note: "CI" }),
  ].join("\r\n");
  expect(parseKeys(text)).toEqual({
    keys: [
      { sha256: hash("k"), user: "ann", scopes: new Set(["read", "user"]) },
      { sha256: hash("other"), user: "bob@x.org", scopes: new Set(["write"]) },
    ],
    problems: [],
  });
});

test.each([
  ["not json", "not a JSON object"],
  ["[]", "not a JSON object"],
  ["null", "not a JSON object"],
  [`{"a":${"[".repeat(50)}${"]".repeat(50)}}`, "not a JSON object"],
  [line({ sha256: "secret-key-in-clear" }), "sha256 must be 64 hex digits"],
  [line({ sha256: undefined }), "sha256 must be 64 hex digits"],
  [line({ user: "" }), "user must be"],
  [line({ user: "a/b" }), "user must be"],
  [line({ user: "ä".repeat(100) }), "user must be"],
  [line({ scopes: [] }), "scopes must be a list of read, write, user, admin, hooks"],
  [line({ scopes: ["root"] }), "scopes must be"],
  [line({ scopes: "read" }), "scopes must be"],
])("a line that cannot be used is named without its text: %s", (wrong, problem) => {
  const good = line({ sha256: hash("good") });
  const { keys, problems } = parseKeys(`${good}\n${wrong}\n`);
  expect(keys).toHaveLength(1);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toContain(`line 2: ${problem}`);
  expect(problems[0]).not.toContain("secret-key-in-clear");
});

test("the same key twice is a mistake: it is unclear whose it is", () => {
  expect(parseKeys(`${line({})}\n${line({ user: "bob" })}`).problems).toEqual([
    "line 2: the same key is on an earlier line",
  ]);
});

test("a key by setting may do everything", () => {
  expect(wholeKey("k")).toEqual({ sha256: hash("k"), user: "default", scopes: new Set(SCOPES) });
});
