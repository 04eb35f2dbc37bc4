import type { Msg } from "@nats-io/nats-core";
import { describe, expect, test } from "vitest";
import { createPinReader } from "../../../../src/relay/log/pin-reader.ts";

/** Messages as they come from the socket: one buffer, each payload behind its headers. */
function arrive(...messages: { head: string; payload: string }[]): { message: Msg; decoded: () => number }[] {
  const buffer = Buffer.from(messages.map(({ head, payload }) => head + payload).join(""));
  let at = 0;
  return messages.map(({ head, payload }) => {
    at += head.length;
    const data = new Uint8Array(buffer.buffer, buffer.byteOffset + at, payload.length);
    at += payload.length;
    let decoded = 0;
    const message = {
      data,
      get headers() {
        decoded++;
        return { get: (name: string) => new RegExp(`\r\n${name}: (.*)\r\n`).exec(head)?.[1] ?? "" };
      },
    };
    return { message: message as unknown as Msg, decoded: () => decoded };
  });
}

const headWith = (pin: string): string => `NATS/1.0\r\nRr-Kind: event\r\nNats-Pin-Id: ${pin}\r\n\r\n`;

describe("pin of a message", () => {
  test("the headers are decoded when it changes, and only then", () => {
    const read = createPinReader();
    const messages = arrive(
      { head: headWith("a1"), payload: "one" },
      { head: headWith("a1"), payload: "" },
      { head: headWith("b1"), payload: "three" },
      { head: headWith("b1"), payload: "four" },
      { head: headWith("a1"), payload: "five" },
    );
    expect(messages.map(({ message }) => read(message))).toEqual(["a1", "a1", "b1", "b1", "a1"]);
    expect(messages.map(({ decoded }) => decoded())).toEqual([1, 0, 1, 0, 1]);
  });

  test("another buffer, a longer pin, no pin, no headers at all", () => {
    const read = createPinReader();
    const heads = [headWith("a1"), headWith("xa1"), headWith("a1"), "NATS/1.0\r\nRr-Kind: event\r\n\r\n", ""];
    const pins = heads.map((head) => arrive({ head, payload: "x" }).map(({ message }) => read(message)));
    expect(pins.flat()).toEqual(["a1", "xa1", "a1", "", ""]);
  });

  test("a payload that looks like the header belongs to nobody's pin", () => {
    const read = createPinReader();
    const [first, second, third] = arrive(
      { head: headWith("a1"), payload: "x" },
      { head: headWith("b1"), payload: "\r\nNats-Pin-Id: a1\r\n\r\n" },
      { head: headWith("b1"), payload: "y" },
    );
    expect([first, second, third].map((it) => it && read(it.message))).toEqual(["a1", "b1", "b1"]);
  });
});
