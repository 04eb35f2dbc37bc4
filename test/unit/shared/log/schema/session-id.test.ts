import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  MAX_SESSION_TOKEN_BYTES,
  pathSegment,
  sessionIdProblem,
  sessionToken,
  textOfToken,
} from "../../../../../src/shared/log/schema/session-id.ts";

/** Any text, hostile ones often. */
const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.string({ unit: "grapheme", maxLength: 60 }),
  fc.string({ maxLength: 250 }),
  fc.constantFrom(
    "..",
    ".",
    "../../../x",
    "a/../../runs?x=1#y",
    "%2e%2e",
    "%2F",
    "a b",
    "*",
    ">",
    "a.b",
    "=41",
    "\ud800",
    "\u2028",
    "é",
    "日本",
    "\\",
  ),
);

describe("sessionToken", () => {
  test("is one legal subject token for any text, and leads back to it", () => {
    fc.assert(
      fc.property(text, (id) => {
        const token = sessionToken(id);
        expect(token).toMatch(/^[A-Za-z0-9_=-]*$/);
        if (id !== "" && id.isWellFormed()) expect(textOfToken(token)).toBe(id);
      }),
      { numRuns: 1000 },
    );
  });

  test("different ids have different tokens", () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        fc.pre(a !== b && a.isWellFormed() && b.isWellFormed());
        expect(sessionToken(a)).not.toBe(sessionToken(b));
      }),
    );
  });

  test("usual ids stay readable", () => {
    expect(sessionToken("ses_0123-AB")).toBe("ses_0123-AB");
    expect(sessionToken("a b.c")).toBe("a=20b=2Ec");
    expect(sessionToken("é")).toBe("=C3=A9");
  });

  test.each(["a b", "é", "=4", "=zz", "=c3=a9", "=C3", "a.b", "*", ">", ""])("%j is no token", (token) => {
    expect(() => textOfToken(token)).toThrow(RangeError);
  });
});

describe("session ids", () => {
  test("an accepted id fits a subject, and a path without changing its route", () => {
    fc.assert(
      fc.property(text, (id) => {
        fc.pre(sessionIdProblem(id) === undefined);
        expect(sessionToken(id).length).toBeLessThanOrEqual(MAX_SESSION_TOKEN_BYTES);
        const { pathname } = new URL(`/sessions/${pathSegment(id)}/events`, "http://c");
        expect(pathname.split("/")).toHaveLength(4);
        // servers that decode before they route see the same three segments
        expect(decodeURIComponent(pathname).split("/")).toEqual(["", "sessions", id, "events"]);
      }),
      { numRuns: 1000 },
    );
  });

  test.each([
    ["", "empty"],
    ["x".repeat(201), "too_long"],
    ["é".repeat(34), "too_long"], // 6 characters of a token each
    ["é".repeat(33), undefined],
    ["x".repeat(200), undefined],
    ["a\u0000b", "control_character"],
    ["a\nb", "control_character"],
    ["a\u0085b", "control_character"],
    ["a\u2028b", "control_character"],
    ["a/b", "path_character"],
    ["a\\b", "path_character"],
    [".", "path_character"],
    ["..", "path_character"],
    ["...", undefined],
    ["\ud800", "not_text"],
    ["a b?c#d%", undefined],
    ["%2e%2e", undefined],
  ])("%j: %s", (id, problem) => {
    expect(sessionIdProblem(id)).toBe(problem);
  });

  test("a huge id is refused at once", () => {
    expect(sessionIdProblem(" ".repeat(50_000_000))).toBe("too_long");
  });
});
