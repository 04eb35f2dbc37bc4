import type { NatsConnection } from "@nats-io/nats-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeMessage,
  encodeMessage,
  MAX_DATA_BYTES,
  WINDOW_FRAMES,
  type Frame,
} from "../../../../src/shared/tunnel/frame.ts";
import { decodeOpening, encodeOpening, type Opening } from "../../../../src/shared/tunnel/opening.ts";
import { createWire } from "../../../../src/shared/tunnel/wire.ts";

describe("frames", () => {
  it("come back as they were; garbage is nothing, and never an exception", () => {
    const text = fc.string();
    const frame: fc.Arbitrary<Frame> = fc.oneof(
      fc.record({
        type: fc.constant("head" as const),
        status: fc.nat(999),
        statusText: text,
        headers: fc.array(text),
      }),
      fc.record({
        type: fc.constant("data" as const),
        bytes: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
      }),
      fc.record({ type: fc.constant("end" as const), trailers: fc.array(text) }),
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
    { upgrade: 1 },
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
        const frames = b.receive(bytes);
        if (frames === undefined) broken = true;
        for (const frame of frames ?? []) {
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
    a.onDrain = () => drained++;
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
