import * as fc from "fast-check";
import { expect, test } from "vitest";
import { Pieces } from "../../../../src/shared/base/pieces.ts";

test("are what came, in order, up to the limit; what passes it is left out", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 3000 })), fc.nat(20_000), (list, limit) => {
      const pieces = new Pieces(limit);
      let expected = Buffer.alloc(0);
      for (const piece of list) {
        const fits = expected.length + piece.length <= limit;
        expect(pieces.add(piece)).toBe(fits);
        if (fits) expected = Buffer.concat([expected, piece]);
        expect(Buffer.compare(pieces.whole(), expected)).toBe(0);
      }
    }),
  );
});

test("one alone is kept without a copy, and what was handed out does not change", () => {
  const pieces = new Pieces(100);
  const first = Buffer.from("abc");
  pieces.add(first);
  expect(pieces.whole()).toBe(first);
  const before = pieces.whole();
  pieces.add(Buffer.from("de"));
  expect([Buffer.from(before).toString(), Buffer.from(pieces.whole()).toString()]).toEqual(["abc", "abcde"]);
});

test("BOUND-1: a megabyte in pieces of one byte takes one buffer", () => {
  const pieces = new Pieces(1 << 20);
  const byte = Buffer.from("x");
  for (let i = 0; i < 1 << 20; i++) pieces.add(byte);
  expect(pieces.add(byte)).toBe(false);
  expect(pieces.whole().length).toBe(1 << 20);
  expect(pieces.whole().buffer.byteLength).toBe(1 << 20);
});
