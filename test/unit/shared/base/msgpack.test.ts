import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { pack, unpack, versionOf, type Bounds } from "../../../../src/shared/base/msgpack.ts";

const WIDE: Bounds = { values: 10_000, depth: 20 };

/** Values that were built. */
function sizeOf(value: unknown): number {
  if (value instanceof Uint8Array || typeof value !== "object" || value === null) return 0;
  const inner = Object.values(value);
  return inner.length + inner.reduce<number>((sum, one) => sum + sizeOf(one), 0);
}

function depthOf(value: unknown): number {
  if (value instanceof Uint8Array || typeof value !== "object" || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

/** What was read; undefined for what was refused, which must be by a plain error. */
function tried(bytes: Uint8Array, bounds: Bounds): { value: unknown } | undefined {
  try {
    return { value: unpack(bytes, bounds) };
  } catch (error) {
    expect(error).toBeInstanceOf(Error);
    expect(error).not.toBeInstanceOf(RangeError); // such as a stack that is too deep, or an index out of the bytes
    return undefined;
  }
}

const plain = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom(null, true, false),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true }),
    fc.string({ unit: "grapheme", maxLength: 400 }),
    fc.uint8Array({ maxLength: 400 }),
    fc.array(tie("value"), { maxLength: 40 }),
    fc.dictionary(
      fc.string({ unit: "grapheme", maxLength: 40 }).filter((key) => key !== "__proto__"),
      tie("value"),
      {
        maxKeys: 40,
        noNullPrototype: true,
      },
    ),
  ),
})).value;

describe("unpack", () => {
  test("gives back what was packed, of every kind that we write", () => {
    fc.assert(
      fc.property(plain, (value) => {
        const plainBytes = (one: unknown): unknown =>
          one instanceof Uint8Array
            ? [...one]
            : Array.isArray(one)
              ? one.map(plainBytes)
              : typeof one === "object" && one !== null
                ? Object.fromEntries(Object.entries(one).map(([key, inner]) => [key, plainBytes(inner)]))
                : Object.is(one, -0)
                  ? 0
                  : one;
        expect(plainBytes(unpack(pack(value), WIDE))).toEqual(plainBytes(value));
      }),
    );
    expect(unpack(pack({ a: undefined }), WIDE)).toEqual({ a: undefined });
    expect(unpack(pack("x".repeat(70_000)), WIDE)).toHaveLength(70_000);
    expect(unpack(pack(Array.from({ length: 9000 }, () => 0)), WIDE)).toHaveLength(9000);
  });

  test("never builds more than it may, whatever the bytes are", () => {
    const head = fc.constantFrom(
      0x80,
      0x81,
      0x90,
      0x91,
      0x9f,
      0xc4,
      0xc7,
      0xd4,
      0xd9,
      0xdb,
      0xdc,
      0xdd,
      0xde,
      0xdf,
      0xa1,
    );
    const hostile = fc
      .array(fc.oneof(head, head, fc.nat(255)), { maxLength: 300 })
      .map((bytes) => Uint8Array.from(bytes));
    fc.assert(
      fc.property(fc.oneof(hostile, fc.uint8Array()), fc.nat(50), fc.nat(5), (bytes, values, depth) => {
        const read = tried(bytes, { values, depth });
        if (read === undefined) return;
        expect(sizeOf(read.value)).toBeLessThanOrEqual(values);
        expect(depthOf(read.value)).toBeLessThanOrEqual(depth);
      }),
      { numRuns: 2000 },
    );
  });

  test.each<[string, number[]]>([
    ["an array of four billion", [0xdd, 0xff, 0xff, 0xff, 0xff]],
    ["a map of four billion", [0xdf, 0xff, 0xff, 0xff, 0xff]],
    ["a text of four billion", [0xdb, 0xff, 0xff, 0xff, 0xff]],
    ["bytes of four billion", [0xc6, 0xff, 0xff, 0xff, 0xff]],
    ["an extension", [0xc7, 1, 5, 0]],
    ["a time", [0xd6, 0xff, 0, 0, 0, 0]],
    ["an extension of four billion", [0xc9, 0xff, 0xff, 0xff, 0xff, 1]],
    ["msgpackr's record", [0xd4, 0x72, 0x40, 0x91, 0xa1, 0x61, 0x01]],
    ["the unused type", [0xc1]],
    ["a number as a key", [0x81, 0x01, 0x01]],
    ["a map as a key", [0x81, 0x80, 0x01]],
    ["a long text as a key", [0x81, 0xda, 0, 1, 0x61, 0x01]],
    ["a key that is a prototype", [...pack({ "__proto_!": 1 })].map((byte) => (byte === 0x21 ? 0x5f : byte))],
    ["something behind the message", [0x01, 0x01]],
    ["half a number", [0xce, 0, 0]],
    ["nothing", []],
  ])("refuses %s", (_, bytes) => {
    expect(tried(Uint8Array.from(bytes), WIDE)).toBeUndefined();
  });

  test("BOUND-1: three million empty maps, or arrays a million deep, are refused at once", () => {
    const flat = Buffer.concat([Buffer.from([0xdd, 0, 0x30, 0, 0]), Buffer.alloc(0x300000, 0x80)]);
    const deep = Buffer.alloc(1_000_000, 0x91);
    const keyed = Buffer.alloc(999_999, Buffer.from([0x81, 0xa1, 0x61]));
    for (const bytes of [flat, deep, keyed]) expect(tried(bytes, WIDE)).toBeUndefined();
  });

  test("the last byte of a message that fills its buffer is read, and none behind it", () => {
    const message = pack({ a: "b" });
    const around = Buffer.alloc(message.length + 4, 0x61);
    around.set(message);
    expect(unpack(around.subarray(0, message.length), WIDE)).toEqual({ a: "b" });
    for (let cut = 0; cut < message.length; cut++)
      expect(tried(around.subarray(0, cut), WIDE)).toBeUndefined();
  });
});

describe("versionOf", () => {
  test("is the number under `v`, if it stands first", () => {
    fc.assert(
      fc.property(fc.nat(0xffffffff), fc.nat(70), (v, more) => {
        const rest = Object.fromEntries(Array.from({ length: more }, (_, i) => [`k${i}`, i]));
        expect(versionOf(pack({ v, ...rest }))).toBe(v);
      }),
    );
    for (const other of [{ a: 1, v: 2 }, { v: "2" }, { v: 2.5 }, { v: null }, {}, [1], 7, "v"])
      expect(versionOf(pack(other))).toBeUndefined();
    fc.assert(fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => void versionOf(bytes)));
    expect(versionOf(Uint8Array.from([0x81, 0xa1, 0x76, 0xce, 0]))).toBeUndefined();
  });
});
