import { describe, expect, test } from "vitest";
import { createPinReader } from "../../../../src/relay/source/pin-reader.ts";

/** Messages as they come from the socket: one buffer, each payload behind its headers. */
function arrive(...messages: [head: string, payload: string][]): { data: Uint8Array }[] {
  const buffer = Buffer.from(messages.flat().join(""), "latin1");
  let at = 0;
  return messages.map(([head, payload]) => {
    at += head.length;
    const data = new Uint8Array(buffer.buffer, buffer.byteOffset + at, payload.length);
    at += payload.length;
    return { data };
  });
}

const headWith = (pin: string, more = "Rr-Kind: event\r\n"): string =>
  `NATS/1.0\r\n${more}Nats-Pin-Id: ${pin}\r\n\r\n`;

describe("pin of a message", () => {
  test("within one buffer it may change and change back", () => {
    const messages = arrive(
      [headWith("a1"), "one"],
      [headWith("a1"), ""],
      [headWith("b1"), "three"],
      [headWith("b1"), "four"],
      [headWith("a1"), "five"],
    );
    expect(messages.map(createPinReader())).toEqual(["a1", "a1", "b1", "b1", "a1"]);
  });

  test("another buffer, a longer pin, no pin, no headers at all", () => {
    const heads = [headWith("a1"), headWith("xa1"), headWith("a1"), "NATS/1.0\r\nRr-Kind: event\r\n\r\n", ""];
    const messages = heads.flatMap((head) => arrive([head, "x"]));
    expect(messages.map(createPinReader())).toEqual(["a1", "xa1", "a1", "", ""]);
  });

  test("a payload that looks like the header belongs to no pin", () => {
    const messages = arrive(
      [headWith("a1"), "x"],
      [headWith("b1"), "\r\nNats-Pin-Id: a1\r\n\r\n"],
      [headWith("b1"), "y"],
    );
    expect(messages.map(createPinReader())).toEqual(["a1", "b1", "b1"]);
  });

  test("what a publisher put in front of it, read first or later, is not the broker's", () => {
    const odd = [
      "Nats-Pin-Id: mine\r\n",
      "nats-pin-id: mine\r\n",
      "bad name: x\r\n",
      "X: a\nb\r\n",
      "X: \u00ff\r\n",
      `X: ${"long".repeat(200)}\r\n`,
      "X: cut off", // the broker puts its own right behind
    ];
    for (const more of odd) {
      const messages = arrive(
        [headWith("a1", more), "x"],
        [headWith("a1"), "y"],
        [headWith("a1", more), "z"],
      );
      expect(messages.map(createPinReader())).toEqual(["a1", "a1", "a1"]);
    }
  });
});
