import * as fc from "fast-check";
import { expect, test } from "vitest";
import { promptOf } from "../../../../../src/sessions/core/prompt.ts";
import { dataOf, payloadOf } from "../../../../../src/sessions/dialects/ambient/payload.ts";

test("a payload comes out of the log as it went in", () => {
  const texts = fc.oneof(
    fc.string({ unit: "grapheme" }),
    fc.json(),
    fc.jsonValue().map((it) => JSON.stringify(it, null, 2)),
  );
  fc.assert(
    fc.property(texts, (payload) => {
      const data = dataOf(payload);
      expect(() => JSON.parse(Buffer.from(data).toString()) as unknown).not.toThrow();
      expect(payloadOf(data)).toBe(payload);
    }),
  );
});

test.each([
  ['{"a": 1,  "a": 2}', '{"a": 1,  "a": 2}'],
  ["\n[1]", "\n[1]"],
  ["hello", '"hello"'],
  ['"hello"', String.raw`"\"hello\""`],
  ["42", '"42"'],
  ["", '""'],
  ["{not json", '"{not json"'],
])("%j is stored as %s", (payload, data) => {
  expect(Buffer.from(dataOf(payload)).toString()).toBe(data);
});

test("JSON that is nested deeper than an event may be is stored as text", () => {
  const deep = `${"[".repeat(70)}${"]".repeat(70)}`;
  expect(Buffer.from(dataOf(deep)).toString()).toBe(JSON.stringify(deep));
});

test.each([
  ["fix it", "fix it"],
  [
    '{"messages":[{"role":"user","content":"one"},{"role":"assistant","content":"x"},{"role":"user","content":"two"}]}',
    "two",
  ],
  ['{"messages":[]}', '{"messages":[]}'],
  ['{"messages":[{"role":"user","content":[1]}]}', '{"messages":[{"role":"user","content":[1]}]}'],
  ["{broken", "{broken"],
  ['{"text":"x"}', '{"text":"x"}'],
])("a user message %j asks for %j", (payload, prompt) => {
  expect(promptOf(payload)).toBe(prompt);
});
