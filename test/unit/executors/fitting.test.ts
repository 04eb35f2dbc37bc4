import * as fc from "fast-check";
import { expect, test } from "vitest";
import { cutTo, objectOf, resultText, toolText } from "../../../src/executors/fitting.ts";

test("a result keeps as much as there is room for, whatever its characters take", () => {
  for (const text of ["x", "\u0001", "é", "😀", "x\u0001"]) {
    const long = text.repeat(2_000_000);
    const kept = resultText(long);
    const bytes = Buffer.byteLength(JSON.stringify(kept));
    expect(bytes).toBeLessThan(901 * 1024);
    expect(bytes).toBeGreaterThan(890 * 1024);
    expect(kept).toContain(`… (cut; ${long.length} characters in all)`);
  }
  expect(resultText("x".repeat(900_000))).toHaveLength(900_000);
});

test("half of a character is replaced, and none is torn apart by a cut", () => {
  expect(toolText("a\ud83d")).toBe("a\ufffd");
  expect(cutTo("a😀b", 2)).toBe("a\ufffd\n… (cut; 4 characters in all)");
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.nat(20), (text, most) => {
      expect(cutTo(text.toWellFormed(), most).isWellFormed()).toBe(true);
    }),
  );
});

test.each([
  [{ a: 1 }, { a: 1 }],
  ["x", { input: "x" }],
  [undefined, { input: null }],
  [[1], { input: [1] }],
  [{ a: "\ud83d" }, { a: "\ufffd" }],
])("%j is the object %j", (value, object) => {
  expect(objectOf(value, "input")).toEqual(object);
});
