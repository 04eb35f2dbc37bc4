import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { deletedSession, headLimit, isAllowed, parseAllowList } from "../../../../src/relay/tunnel/limits.ts";

describe("the allow-list", () => {
  const rules = parseAllowList("GET /sessions/**, GET /sessions, POST /runs, * /agents/*/card, GET /a.b+c");

  it.each([
    ["GET", "/sessions", true],
    ["GET", "/sessions?limit=2", true],
    ["GET", "/sessions/s1", true],
    ["GET", "/sessions/s1/result?x=..%2f", true],
    ["POST", "/runs", true],
    ["DELETE", "/agents/echo/card", true],
    ["GET", "/a.b+c", true],
    ["GET", "/aXb+c", false],
    ["POST", "/sessions/s1", false],
    ["GET", "/runs", false],
    ["GET", "/runs/1", false],
    ["GET", "/agents/a/b/card", false],
    ["GET", "/agents//card", false],
    ["GET", "/", false],
    ["get", "/sessions", false],
    ["OPTIONS", "*", false],
    // what a server could read as another path than the rule saw
    ["GET", "/sessions/../runs", false],
    ["GET", "/sessions/..", false],
    ["GET", "/sessions/./s1", false],
    ["GET", "/sessions/%2e%2e/runs", false],
    ["GET", "/sessions/.%2E/runs", false],
    ["GET", "/sessions/..%2fruns", false],
    ["GET", "/sessions/a%2F..%2F..%2Fruns", false],
    ["GET", "/sessions/a%5c..%5cruns", false],
    ["GET", "/sessions\\..\\runs", false],
    ["GET", "//sessions/s1", false],
    ["GET", "/sessions//s1", false],
    // an encoding of an encoding is one segment for every server that decodes once
    ["GET", "/sessions/a%252Fb", true],
  ])("%s %s: %s", (method, target, allowed) => expect(isAllowed(rules, method, target)).toBe(allowed));

  it("a rule for everything allows everything, odd paths too, of its method", () => {
    expect(isAllowed(parseAllowList("* /**"), "GET", "/a/../b//%2f")).toBe(true);
    expect(isAllowed(parseAllowList("GET /**"), "DELETE", "/a/../b")).toBe(false);
    expect(isAllowed(parseAllowList("* /**"), "OPTIONS", "*")).toBe(true);
  });

  it("an empty list allows nothing", () => expect(isAllowed(parseAllowList(" , "), "GET", "/")).toBe(false));

  it.each(["sessions", "GET", "GET sessions", "get /sessions", "GET /a /b"])("%s is no rule", (text) =>
    expect(() => parseAllowList(text)).toThrow(RangeError),
  );

  it("no path but one that begins with the rule's is allowed, whatever it is made of", () => {
    const one = parseAllowList("GET /open/**");
    const part = fc.constantFrom(
      "..",
      ".",
      "%2e",
      "%2E%2e",
      "%2f",
      "%5C",
      "\\",
      "/",
      "a",
      "open",
      "secret",
      "%252e",
      "?",
      "#",
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
        const target = `/open/${parts.join("/")}`;
        if (!isAllowed(one, "GET", target)) return;
        const seen = new URL(target.replaceAll("%2f", "/").replaceAll("\\", "/"), "http://x").pathname;
        expect(seen.startsWith("/open/")).toBe(true);
      }),
    );
  });
});

describe("time limits", () => {
  it.each([
    ["/health", 2],
    ["*", 2],
    ["/sessions", 2],
    ["/runs?x=/runner/runs", 2],
    ["/runnerx/runs", 2],
    ["/runner/runs?runner_id=r", 1],
    ["//runner/runs/?runner_id=r", 1],
    ["/runner/register", 1],
  ])("%s: %i ms", (target, ms) => expect(headLimit({ runnerMs: 1, passMs: 2 }, target)).toBe(ms));
});

it.each([
  ["/sessions/s1", "s1"],
  ["/sessions/s1/?x=1", "s1"],
  ["//sessions//a%20b", "a b"],
  ["/sessions/%FF", undefined],
  [`/sessions/${"s".repeat(201)}`, undefined], // a subject of it would make the broker drop the connection
  ["/sessions/%2e%2e", undefined],
  ["/sessions", undefined],
  ["/sessions/s1/events", undefined],
])("DELETE %s deletes %s", (target, session) => expect(deletedSession(target)).toBe(session));
