import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeControl, decodePause } from "../../../../../src/shared/log/state/control.ts";
import { isCoded } from "../../../../../src/shared/base/errors.ts";

const bytes = (value: unknown): Uint8Array =>
  new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));

describe("a pause", () => {
  test.each([
    [
      { v: 1, since: 5, text: "why" },
      { v: 1, since: 5, text: "why" },
    ],
    [
      { v: 1, since: 5, text: "why", reason: "poison_stop" },
      { v: 1, since: 5, text: "why", reason: "poison_stop" },
    ],
    [
      { v: 1, reason: "other" },
      { v: 1, since: 9, text: "" },
    ],
    ["maintenance", { v: 1, since: 9, text: "maintenance" }],
    ["", { v: 1, since: 9, text: "" }],
    ["17", { v: 1, since: 9, text: "17" }],
  ])("%j pauses, in any form", (stored, expected) => {
    expect(decodePause(bytes(stored), 9)).toEqual(expected);
  });

  test("of a newer version is refused", () => {
    expect(() => decodePause(bytes({ v: 2 }), 9)).toThrow(expect.objectContaining({ code: "schema_newer" }));
  });
});

describe("a wish", () => {
  const wish = { v: 1, session: "s", action: "resume", text: "t", at: 3, skip: 7 };

  test.each([
    [wish, wish],
    [
      { v: 1, session: "s", action: "pause" },
      { v: 1, session: "s", action: "pause", text: "", at: 0 },
    ],
    [
      { ...wish, skip: "7" },
      { v: 1, session: "s", action: "resume", text: "t", at: 3 },
    ],
    [{ ...wish, action: "stop" }, undefined],
    [{ ...wish, session: 1 }, undefined],
    ["pause", undefined],
    [null, undefined],
  ])("%j is read as %j", (stored, expected) => {
    expect(decodeControl(bytes(stored))).toEqual(expected);
  });

  test("of a newer version is refused, and nothing else throws", () => {
    expect(() => decodeControl(bytes({ v: 2 }))).toThrow(expect.objectContaining({ code: "schema_newer" }));
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
        try {
          decodeControl(bytes(text));
          decodePause(bytes(text), 0);
        } catch (error) {
          expect(isCoded(error, "schema_newer")).toBe(true);
        }
      }),
    );
  });
});
