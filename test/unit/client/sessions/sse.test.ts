import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { GatewayError } from "../../../../src/client/sessions/error.ts";
import { createSseParser, type SseMessage } from "../../../../src/client/sessions/sse.ts";

const parse = (...pieces: string[]): SseMessage[] => {
  const parser = createSseParser(10_000);
  return pieces.flatMap((piece) => parser.push(piece));
};
const message = (data: string, more: Partial<SseMessage> = {}): SseMessage => ({
  event: "message",
  data,
  id: undefined,
  ...more,
});

describe("messages of a stream", () => {
  test.each<[string, string, SseMessage[]]>([
    ["one line", "data: a\n\n", [message("a")]],
    ["without the space", "data:a\n\n", [message("a")]],
    ["several lines", "data: a\ndata\ndata: b\n\n", [message("a\n\nb")]],
    ["a name and an id", "event: x\nid: 7.log\ndata: a\n\n", [message("a", { event: "x", id: "7.log" })]],
    [
      "an id holds for its own message alone",
      "id: 7\ndata: a\n\ndata: b\n\n",
      [message("a", { id: "7" }), message("b")],
    ],
    ["an id with NUL is none", "id: 7\0\ndata: a\n\n", [message("a")]],
    ["comments and unknown fields", ": beat\nretry: 5\nwhat: x\ndata: a\n\n", [message("a")]],
    ["nothing without data", "event: x\n\n:\n\n", []],
    ["CR and CR LF end lines as well", "data: a\r\rdata: b\r\n\r\n", [message("a"), message("b")]],
    ["what is not complete", "data: a\n", []],
  ])("%s", (_, text, expected) => {
    expect(parse(text)).toEqual(expected);
  });

  test("however the stream is cut, its messages are the same", () => {
    const line = fc.constantFrom("data: a", "data: b:c", "id: 1", "event: x", ": beat", "", "");
    const lines = fc.array(fc.tuple(line, fc.constantFrom("\n", "\r\n", "\r")), { maxLength: 20 });
    fc.assert(
      fc.property(lines, fc.array(fc.nat(200), { maxLength: 8 }), (made, cuts) => {
        const text = made.map((it) => it.join("")).join("");
        const places = [0, ...cuts.map((it) => Math.min(it, text.length)).toSorted((a, b) => a - b)];
        const pieces = places.map((from, i) => text.slice(from, places[i + 1] ?? text.length));
        expect(parse(...pieces)).toEqual(parse(text));
      }),
    );
  });
});

test.each(["data: 1234567890\n\n", "data: 1234567", "data: 12345\ndata: 12345\n\n", "data:\n".repeat(11)])(
  "a message that is too long is refused, also before it is complete: %j",
  (text) => {
    expect(() => createSseParser(10).push(text)).toThrow(GatewayError);
  },
);
