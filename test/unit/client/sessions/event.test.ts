import { expect, test } from "vitest";
import { isNotice, readMessage } from "../../../../src/client/sessions/event.ts";

const read = (value: unknown, id?: string) =>
  readMessage({ event: "message", data: JSON.stringify(value), id });

test("an event has its fields, and its id as cursor", () => {
  const sent = {
    seq: 7,
    n: 2,
    session_id: "s",
    turn_id: "t",
    type: "text",
    source: "worker",
    data: { text: "hi" },
    timestamp: "2026-01-01T00:00:00Z",
  };
  expect(read(sent, "7.log")).toEqual({ ...sent, cursor: "7.log" });
  expect(isNotice(read(sent))).toBe(false);
});

test.each([
  ["without an id its number is its cursor", { seq: 7, type: "text" }, { cursor: "7", data: {} }],
  ["data that are no object", { seq: 7, type: "x", data: [1] }, { data: { value: [1] } }],
  [
    "what the server cannot read",
    { seq: 7, type: "unreadable", code: "schema_newer" },
    { data: { code: "schema_newer" } },
  ],
  ["a type and fields of the future", { seq: 7, type: "hologram", data: {}, new: 1 }, { type: "hologram" }],
  ["a source of the future", { seq: 7, type: "x", data: {}, source: "moon" }, { source: "worker" }],
])("%s", (_, sent, expected) => {
  expect(read(sent)).toMatchObject(expected);
});

test("a notice has no place in the log", () => {
  const gap = read({ type: "gap", from: 3, to: 9, log: "l" });
  expect(gap).toEqual({ type: "gap", data: { from: 3, to: 9, log: "l" } });
  expect(isNotice(gap)).toBe(true);
});

test.each([
  ["text", "no"],
  ["list", []],
  ["event without a place", { type: "text" }],
  ["place that is no number", { type: "text", seq: "7" }],
  ["place below 1", { type: "text", seq: 0 }],
])("what is neither event nor notice is refused: %s", (_, sent) => {
  expect(() => read(sent)).toThrow(expect.objectContaining({ code: "bad_answer" }));
});

test("text that is no JSON is refused", () => {
  expect(() => readMessage({ event: "message", data: "{", id: undefined })).toThrow(/not a JSON object/);
});
