import { array, assert, oneof, property, uint8Array } from "fast-check";
import { expect, test } from "vitest";
import { MOST_CRUMBS, Parts } from "../../../../src/shared/http/parts.ts";

test("the parts are the whole, however it was cut", () => {
  assert(
    property(
      array(oneof(uint8Array({ maxLength: 40 }), uint8Array({ minLength: 1000, maxLength: 1100 }))),
      (pieces) => {
        const parts = new Parts();
        for (const piece of pieces) parts.add(Buffer.from(piece));
        const whole = Buffer.concat(pieces);
        expect(parts.size).toBe(whole.length);
        expect(parts.take().bytes).toEqual(whole);
      },
    ),
  );
});

test("one piece is kept as it is", () => {
  const parts = new Parts();
  const piece = Buffer.from("{}");
  parts.add(piece);
  expect(parts.take()).toEqual({ bytes: piece, own: false });
});

test("BOUND-1: a body in crumbs is copied into few blocks, and its pieces are not kept", () => {
  const parts = new Parts();
  const memory = new ArrayBuffer(100_000, { maxByteLength: 100_000 });
  for (let i = 0; i < 100_000; i += 10) parts.add(Buffer.from(memory, i, 10).fill(0x78));
  Buffer.from(memory).fill(0x79);
  expect(parts.take().bytes.subarray(10).equals(Buffer.alloc(99_990, 0x78))).toBe(true);
});

test.each([
  { each: 1, crumbled: true },
  { each: 15, crumbled: true },
  { each: 16, crumbled: false },
  { each: 64, crumbled: false },
])("ISOLATE-1: a body in pieces of $each bytes is crumbled: $crumbled", ({ each, crumbled }) => {
  const parts = new Parts();
  const piece = Buffer.alloc(each);
  for (let i = 0; i < MOST_CRUMBS; i++) parts.add(piece);
  expect(parts.crumbled).toBe(false);
  parts.add(piece);
  expect(parts.crumbled).toBe(crumbled);
});
