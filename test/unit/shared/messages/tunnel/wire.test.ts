import type { NatsConnection } from "@nats-io/nats-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { pack } from "../../../../../src/shared/base/msgpack.ts";
import {
  decodeMessage,
  encodeMessage,
  MAX_DATA_BYTES,
  WINDOW_FRAMES,
  type Frame,
} from "../../../../../src/shared/messages/tunnel/frame.ts";
import {
  decodeOpening,
  encodeOpening,
  type Opening,
} from "../../../../../src/shared/messages/tunnel/opening.ts";
import { createWire } from "../../../../../src/shared/messages/tunnel/wire.ts";

describe("frames", () => {
  it("come back as they were; garbage is nothing, and never an exception", () => {
    const text = fc.string();
    const list = fc.array(fc.tuple(text, text)).map((pairs) => pairs.flat());
    const frame: fc.Arbitrary<Frame> = fc.oneof(
      fc.record({
        type: fc.constant("head" as const),
        status: fc.integer({ min: 100, max: 999 }),
        statusText: text,
        headers: list,
      }),
      fc.record({
        type: fc.constant("data" as const),
        bytes: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
      }),
      fc.record({ type: fc.constant("end" as const), trailers: list }),
      fc.record({ type: fc.constant("reset" as const), code: text, text }),
    );
    fc.assert(
      fc.property(fc.nat(0xffffffff), fc.array(frame), (number, frames) => {
        expect(decodeMessage(encodeMessage(number, frames))).toEqual({ number, frames });
      }),
    );
    fc.assert(fc.property(fc.uint8Array(), (bytes) => void decodeMessage(bytes)));
    const whole = encodeMessage(7, [{ type: "data", bytes: Buffer.from("abc") }]);
    for (let cut = 5; cut < whole.length; cut++)
      expect(decodeMessage(whole.subarray(0, cut))).toBeUndefined();
  });
});

describe("an opening", () => {
  const opening: Opening = {
    v: 1,
    method: "GET",
    target: "/x",
    headers: ["A", "b"],
    body: { kind: "none" },
    gateway: "g",
  };
  it("comes back as it was", () => expect(decodeOpening(encodeOpening(opening))).toEqual(opening));
  it.each([
    { v: 2 },
    { target: "http://evil.example/" },
    { target: 5 },
    { headers: ["A"] },
    { headers: ["A", 5] },
    { headers: "A: b" },
    { body: null },
    { gateway: undefined },
    { gateway: "g".repeat(300) },
    { upgrade: 1 },
    { method: "M".repeat(300) },
    { id: "i".repeat(300) },
    { headers: Array.from({ length: 10_000 }, () => "") },
    { headers: ["a", "x".repeat(3 * MAX_DATA_BYTES)] },
    { body: { kind: "whole", bytes: Buffer.alloc(MAX_DATA_BYTES + 1) } },
    { body: { kind: "whole", bytes: "text" } },
    { body: { kind: "frames", length: -1 } },
    { body: { kind: "other" } },
  ])("with %o is none", (change) => {
    expect(decodeOpening(encodeOpening({ ...opening, ...change } as Opening))).toBeUndefined();
  });
  it("of any bytes is none, without an exception", () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => decodeOpening(bytes) === undefined));
  });
});

describe("a wire", () => {
  /** Two ends, each message handed over at once; `lose` picks messages that are not. */
  function pair(lose: (n: number) => boolean = () => false): {
    a: ReturnType<typeof createWire>;
    b: ReturnType<typeof createWire>;
    got: Frame[];
    broken(): boolean;
    underWay(): number;
  } {
    const got: Frame[] = [];
    let broken = false;
    let sent = 0;
    let data = 0;
    const connection = (deliver: (bytes: Uint8Array) => void): NatsConnection =>
      ({
        isClosed: () => false,
        publish: (_: string, bytes: Uint8Array) => deliver(bytes),
      }) as unknown as NatsConnection;
    const a = createWire(
      connection((bytes) => {
        if (lose(sent++)) return;
        const received = b.receive(bytes);
        if (received.kind === "broken") broken = true;
        for (const frame of received.kind === "frames" ? received.frames : []) {
          if (frame.type === "data") data++;
          got.push(frame);
        }
      }),
    );
    const b = createWire(connection((bytes) => void a.receive(bytes)));
    b.connect("to-a", 0);
    return { a, b, got, broken: () => broken, underWay: () => data };
  }
  const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

  it("BOUND-1: without credit no more than a window of frames goes out, and all of it in order with credit", async () => {
    const { a, b, got, underWay } = pair();
    expect(a.write(Buffer.from("early"))).toBe(false); // nobody is there yet
    a.connect("to-b", WINDOW_FRAMES);
    let drained = 0;
    a.onDrain(() => drained++);
    const total = 100;
    for (let i = 0; i < total; i++) a.write(Buffer.alloc(MAX_DATA_BYTES, i));
    a.send({ type: "end", trailers: [] });
    await turn();
    expect(underWay()).toBe(WINDOW_FRAMES);
    expect(a.blocked).toBe(true);
    for (let round = 0; got.at(-1)?.type !== "end"; round++) {
      expect(round).toBeLessThan(1000);
      b.consumed();
      await turn();
      await turn();
    }
    expect([a.blocked, drained]).toEqual([false, 1]);
    const bytes = Buffer.concat(got.flatMap((frame) => (frame.type === "data" ? [frame.bytes] : [])));
    expect(bytes.length).toBe(5 + total * MAX_DATA_BYTES);
    expect(bytes.subarray(0, 5).toString()).toBe("early");
  });

  it("a reset overtakes what waits; a lost message is noticed", async () => {
    const first = pair();
    first.a.connect("to-b", 0);
    first.a.write(Buffer.from("waits"));
    first.a.send({ type: "reset", code: "cancelled", text: "" });
    await turn();
    expect(first.got.map(({ type }) => type)).toEqual(["reset"]);

    const second = pair((n) => n === 1);
    second.a.connect("to-b", 10);
    for (const part of ["a", "b", "c"]) {
      second.a.write(Buffer.from(part));
      second.a.flush();
    }
    expect(second.broken()).toBe(true);
    expect(second.got).toHaveLength(1);
  });
});

describe("BOUND-1: another side that does not keep to what was agreed", () => {
  const data: Frame = { type: "data", bytes: Buffer.from("x") };
  const nowhere = { isClosed: () => false, publish: () => {} } as unknown as NatsConnection;
  /** What a wire says of messages with these frames; it has given a window, and has one. */
  function verdicts(messages: Frame[][]): string[] {
    const wire = createWire(nowhere);
    wire.connect("there", WINDOW_FRAMES);
    return messages.map((frames, i) => {
      const received = wire.receive(encodeMessage(i, frames));
      return received.kind === "broken" ? received.why : "taken";
    });
  }
  const window = Array.from({ length: WINDOW_FRAMES }, () => data);

  it.each<[string, Frame[][], string]>([
    ["one data frame more than a window", [window, [data]], "more data than there was credit for"],
    ["the same in one message", [[...window, data]], "more data than there was credit for"],
    ["credit beyond a window", [[{ type: "credit", frames: 1 }]], "more credit than a window"],
    ["data behind the end", [[{ type: "end", trailers: [] }], [data]], "data behind the end"],
    [
      "two ends",
      [
        [
          { type: "end", trailers: [] },
          { type: "end", trailers: [] },
        ],
      ],
      "a second end",
    ],
  ])("%s", (_, messages, why) => {
    expect(verdicts(messages).at(-1)).toBe(why);
  });

  it("a whole window is taken, and another one after credit for it", () => {
    const wire = createWire(nowhere);
    wire.connect("there", WINDOW_FRAMES);
    for (let round = 0; round < 5; round++) {
      expect(wire.receive(encodeMessage(round, window)).kind).toBe("frames");
      for (let i = 0; i < WINDOW_FRAMES; i++) wire.consumed();
    }
  });

  it("a second word on where frames go changes nothing", async () => {
    const sent: string[] = [];
    const connection = {
      isClosed: () => false,
      publish: (subject: string) => void sent.push(subject),
    } as unknown as NatsConnection;
    const wire = createWire(connection);
    wire.connect("first", 1);
    wire.connect("second", WINDOW_FRAMES);
    for (let i = 0; i < 5; i++) wire.write(Buffer.from("x"));
    await new Promise((resolve) => void setImmediate(resolve));
    expect([...new Set(sent)]).toEqual(["first"]);
    expect(wire.blocked).toBe(true);
  });
});

describe("messages that no side of ours sends", () => {
  /** One message with one frame of this type and payload. */
  function message(type: number, payload: Uint8Array): Uint8Array {
    const head = Buffer.alloc(9);
    head.writeUInt8(type, 4);
    head.writeUInt32BE(payload.length, 5);
    return Buffer.concat([head, payload]);
  }
  const [ACCEPT, HEAD, DATA, END, CREDIT, RESET] = [0, 1, 2, 3, 4, 5] as const;
  const accept = { relay: "r", subject: "s", credit: 1 };
  const head = { status: 200, statusText: "OK", headers: [] };

  it.each<[string, number, unknown]>([
    ["credit that is no number", CREDIT, { frames: "9" }],
    ["credit of none", CREDIT, { frames: 0 }],
    ["credit of a billion", CREDIT, { frames: 1e9 }],
    ["credit below none", CREDIT, { frames: -1 }],
    ["half a credit", CREDIT, { frames: 0.5 }],
    ["an acceptance with a window too large", ACCEPT, { ...accept, credit: WINDOW_FRAMES + 1 }],
    ["an acceptance without a subject", ACCEPT, { ...accept, subject: undefined }],
    ["an acceptance with a subject of a megabyte", ACCEPT, { ...accept, subject: "x".repeat(100_000) }],
    ["a head without a status", HEAD, { ...head, status: "200" }],
    ["a status that nobody can write", HEAD, { ...head, status: 1e9 }],
    ["headers that are no list", HEAD, { ...head, headers: { a: "b" } }],
    ["a name without a value", HEAD, { ...head, headers: ["a"] }],
    ["more headers than a head holds", HEAD, { ...head, headers: Array.from({ length: 40_000 }, () => "") }],
    ["trailers that are no texts", END, { trailers: [{}, {}] }],
    ["no trailers", END, {}],
    ["a code that is none", RESET, { code: {}, text: "" }],
    ["nothing", RESET, null],
  ])("%s", (_, type, fields) => {
    expect(decodeMessage(message(type, pack(fields)))).toBeUndefined();
  });

  it("data beyond a frame's size, more frames than a window needs, or more bytes than a message has", () => {
    expect(decodeMessage(message(DATA, Buffer.alloc(MAX_DATA_BYTES)))).toBeDefined();
    expect(decodeMessage(message(DATA, Buffer.alloc(MAX_DATA_BYTES + 1)))).toBeUndefined();
    const empty = (count: number): Uint8Array =>
      encodeMessage(
        0,
        Array.from({ length: count }, () => ({ type: "data", bytes: Buffer.alloc(0) }) as const),
      );
    expect(decodeMessage(empty(2 * WINDOW_FRAMES))).toBeDefined();
    expect(decodeMessage(empty(2 * WINDOW_FRAMES + 1))).toBeUndefined();
    expect(decodeMessage(empty(1_000_000))).toBeUndefined();
    const seven = Array.from(
      { length: 7 },
      () => ({ type: "data", bytes: Buffer.alloc(MAX_DATA_BYTES) }) as const,
    );
    expect(decodeMessage(encodeMessage(0, seven))).toBeUndefined();
  });

  it("a long text of a reset is cut: it goes into log lines", () => {
    const text = "x".repeat(10_000);
    expect(decodeMessage(encodeMessage(0, [{ type: "reset", code: "c", text }]))?.frames).toEqual([
      { type: "reset", code: "c", text: text.slice(0, 2000) },
    ]);
  });

  it("any bytes behind a number are frames or nothing, and never an exception", () => {
    const frames = fc
      .array(fc.tuple(fc.nat(6), fc.oneof(fc.uint8Array(), fc.anything().map(packed))))
      .map((list) => list.map(([type, payload]) => message(type, payload).subarray(4)));
    fc.assert(fc.property(frames, (list) => void decodeMessage(Buffer.concat([Buffer.alloc(4), ...list]))));
  });
});

function packed(value: unknown): Uint8Array {
  try {
    return pack(value);
  } catch {
    return new Uint8Array(); // what msgpack cannot say
  }
}
