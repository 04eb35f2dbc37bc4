import * as fc from "fast-check";
import { expect, test } from "vitest";
import { EXCHANGE, readRequest } from "../../../src/tokens/request.ts";

const JWT = "urn:ietf:params:oauth:token-type:jwt";
const RIGHT = { grant_type: EXCHANGE, subject_token: "t", subject_token_type: JWT };
const read = (form: Record<string, string>): unknown => readRequest(new URLSearchParams(form));
const many = (count: number): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`p${i}`, "x"]));

test.each<[string, Record<string, string>, object]>([
  ["a pod's token", RIGHT, { subject: { kind: "pod", token: "t" }, scopes: ["read", "write"] }],
  [
    "a join secret",
    { ...RIGHT, subject_token_type: "urn:runner-relay:token-type:join-secret" },
    { subject: { kind: "join", secret: "t" } },
  ],
  [
    "a refresh token",
    { grant_type: "refresh_token", refresh_token: "r" },
    { subject: { kind: "refresh", secret: "r" } },
  ],
  ["one scope", { ...RIGHT, scope: "write" }, { scopes: ["write"] }],
  ["our audience", { ...RIGHT, audience: "runner-relay-sessions" }, { kind: "request" }],
  ["a parameter that is unknown", { ...RIGHT, other: "x" }, { kind: "request" }],
  ["an empty parameter, which counts as absent", { ...RIGHT, audience: "" }, { kind: "request" }],
  ["another audience", { ...RIGHT, audience: "other" }, { error: "invalid_target" }],
  ["a resource", { ...RIGHT, resource: "https://a" }, { error: "invalid_target" }],
  ["somebody who acts for another", { ...RIGHT, actor_token: "x" }, { error: "invalid_request" }],
  ["another kind of token", { ...RIGHT, requested_token_type: "urn:x" }, { error: "invalid_request" }],
  ["another grant", { ...RIGHT, grant_type: "password" }, { error: "unsupported_grant_type" }],
  ["many parameters", { ...RIGHT, ...many(61) }, { kind: "request" }],
  ["too many parameters", { ...RIGHT, ...many(62) }, { error: "invalid_request" }],
  ["no grant", {}, { error: "invalid_request" }],
  ["no token", { ...RIGHT, subject_token: "" }, { error: "invalid_request" }],
  ["another type", { ...RIGHT, subject_token_type: "urn:x" }, { error: "invalid_request" }],
  ["a scope of people", { ...RIGHT, scope: "read user" }, { error: "invalid_scope" }],
  ["a token that is too long", { ...RIGHT, subject_token: "x".repeat(16_385) }, { error: "invalid_request" }],
])("%s", (_, form, expected) => {
  expect(read(form)).toMatchObject(expected);
});

test("no form makes it fail, and none gets a scope that there is not", () => {
  const name = fc.constantFrom("grant_type", "subject_token", "subject_token_type", "scope", "audience", "x");
  const value = fc.oneof(fc.string(), fc.constantFrom(EXCHANGE, JWT, "read", "write", "user", "read write"));
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value)), (pairs) => {
      const read = readRequest(new URLSearchParams(pairs));
      if (read.kind === "denied") return;
      expect(new Set(pairs.map(([it]) => it)).size).toBe(pairs.length);
      expect(read.scopes.every((it) => it === "read" || it === "write")).toBe(true);
      expect(read.subject.kind).not.toBe("refresh");
    }),
  );
});
