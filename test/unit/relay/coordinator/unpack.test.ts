import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { unpack } from "../../../../src/relay/coordinator/unpack.ts";

const MOST = 1024 * 1024;
const PACK: Record<string, (body: Uint8Array) => Buffer> = {
  gzip: gzipSync,
  "x-gzip": gzipSync,
  deflate: deflateSync,
  br: brotliCompressSync,
  zstd: zstdCompressSync,
  identity: (body) => Buffer.from(body),
};
const text = Buffer.from('{"ok":true}');

test("any codings, one upon the other in the order of the header, come off again", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array(),
      fc.array(fc.constantFrom(...Object.keys(PACK)), { minLength: 1, maxLength: 3 }),
      fc.boolean(),
      async (body, codings, several) => {
        const packed = codings.reduce<Uint8Array>((bytes, coding) => PACK[coding]?.(bytes) ?? bytes, body);
        const header = several ? codings : codings.join(", ");
        expect(Buffer.from((await unpack(packed, header, MOST)) ?? [])).toEqual(Buffer.from(body));
      },
    ),
    { numRuns: 50 },
  );
});

test("names are read in any case, and deflate without the header of its format", async () => {
  expect(await unpack(gzipSync(text), " GZip ", MOST)).toEqual(text);
  expect(await unpack(deflateRawSync(text), "deflate", MOST)).toEqual(text);
});

describe("what cannot be read", () => {
  test.each<[string, Uint8Array, string]>([
    ["an unknown coding", gzipSync(text), "x-own"],
    ["an unknown coding under a known one", gzipSync(gzipSync(text)), "x-own, gzip"],
    ["bytes that were cut", gzipSync(text).subarray(0, 15), "gzip"],
    ["more codings than anybody uses", gzipSync(text), "gzip, gzip, gzip, gzip"],
    ["BOUND-1: more bytes than it may be", gzipSync(Buffer.alloc(MOST + 1)), "gzip"],
    ["BOUND-1: a bomb in a bomb", gzipSync(gzipSync(Buffer.alloc(64 * MOST))), "gzip, gzip"],
    ["BOUND-1: brotli of more than it may be", brotliCompressSync(Buffer.alloc(MOST + 1)), "br"],
    ["BOUND-1: zstd of more than it may be", zstdCompressSync(Buffer.alloc(MOST + 1)), "zstd"],
  ])("%s", async (_, body, coding) => {
    expect(await unpack(body, coding, MOST)).toBeUndefined();
  });

  test.each(["gzip", "deflate", "zstd", "utf-8", "x-own", "none, gzip"])(
    "text that is not coded at all though it says %s is that text",
    async (coding) => {
      expect(await unpack(text, coding, MOST)).toEqual(text);
    },
  );
});
