import { isUtf8 } from "node:buffer";
import { promisify } from "node:util";
import { brotliDecompress, constants, gunzip, inflate, inflateRaw, zstdDecompress } from "node:zlib";

/** Codings one upon the other; honest answers have one. */
const MOST_CODINGS = 3;

type Options = { maxOutputLength: number; chunkSize: number };
type Decoder = (body: Uint8Array, options: Options) => Promise<Buffer>;

const inflateZlib: Decoder = promisify(inflate);
const inflateBare: Decoder = promisify(inflateRaw);
const unzstd = promisify(zstdDecompress);
/** A frame may ask for 128 MiB of memory for its window; RFC 9659 allows a coding of answers 8 MiB. */
export const ZSTD_WINDOW: Readonly<Record<number, number>> = { [constants.ZSTD_d_windowLogMax]: 23 };

const DECODERS: Readonly<Record<string, Decoder | undefined>> = {
  gzip: promisify(gunzip),
  "x-gzip": promisify(gunzip),
  // sent with and without the header of its format
  deflate: (body, options) => (((body[0] ?? 0) & 0x0f) === 8 ? inflateZlib : inflateBare)(body, options),
  br: promisify(brotliDecompress),
  zstd: (body, options) => unzstd(body, { ...options, params: ZSTD_WINDOW }),
};

/**
 * A body without its content codings, in the order in which `Content-Encoding` names them. Undefined for what cannot be read: an unknown coding, damaged
 * bytes, or more than `most` bytes at any step, which bounds the time as well. Text that is not coded at all, whatever the header says, stays as it is.
 */
export async function unpack(
  body: Uint8Array,
  contentEncoding: string | string[],
  most: number,
): Promise<Uint8Array | undefined> {
  const codings = [contentEncoding]
    .flat()
    .flatMap((value) => value.toLowerCase().split(","))
    .map((coding) => coding.trim())
    .filter((coding) => coding !== "" && coding !== "identity");
  const asItIs = isUtf8(body) ? body : undefined;
  if (codings.length > MOST_CODINGS) return asItIs;
  let plain = body;
  for (const coding of codings.toReversed()) {
    const decode = DECODERS[coding];
    if (decode === undefined) return asItIs;
    try {
      plain = await decode(plain, { maxOutputLength: most, chunkSize: 64 * 1024 });
    } catch {
      return asItIs;
    }
  }
  return plain;
}
