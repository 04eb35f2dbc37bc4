import * as fc from "fast-check";
import { expect, test } from "vitest";
import { retryLine, sseBytes } from "../../../../src/sessions/stream/sse-bytes.ts";

/** Reads one event as the format's definition says. */
function read(text: string): { id?: string; data: string } {
  expect(text.endsWith("\n\n")).toBe(true);
  const lines = text.slice(0, -2).split(/\r\n|\n|\r/);
  const values = (name: string): string[] =>
    lines.filter((line) => line.startsWith(`${name}: `)).map((line) => line.slice(name.length + 2));
  expect(values("id").length + values("data").length).toBe(lines.length);
  const [id] = values("id");
  return { ...(id === undefined ? {} : { id }), data: values("data").join("\n") };
}

test("an event is an id and its data", () => {
  expect(sseBytes(Buffer.from('{"a":1}'), "7.abc").toString()).toBe('id: 7.abc\ndata: {"a":1}\n\n');
  expect(sseBytes(Buffer.from("{}")).toString()).toBe("data: {}\n\n");
  expect(retryLine(500)).toBe("retry: 500\n\n");
});

test("a JSON text that an agent broke into lines is the same JSON for a reader", () => {
  const text = sseBytes(Buffer.from('{\r\n "a":\n1,\r"b": "ü\u2028"}'), "1").toString();
  expect(JSON.parse(read(text).data)).toEqual({ a: 1, b: "ü\u2028" });
});

test("no data ends an event early or adds a field", () => {
  const pieces = fc.array(fc.constantFrom("\n", "\r", "\r\n", "id: 9", "data: x", ":", "ü", "\n\n"));
  fc.assert(
    fc.property(pieces, (parts) => {
      const data = parts.join("");
      const event = read(sseBytes(Buffer.from(data), "1.a").toString());
      expect(event).toEqual({ id: "1.a", data: data.replaceAll(/\r\n|\r/g, "\n") });
    }),
  );
});
