import type { Needles } from "./needles.ts";

/** In this many bytes of an answer quoted forms are looked for too. Servers echo a request's head, and more searching costs time. */
const ENCODED_WITHIN: number = 1024 * 1024;
/** A shorter beginning of a secret is no secret, and holding it back would delay every stream that happens to pause there. */
const LEAST_HELD = 4;
const STRIKE = 0x2a;
const NOTHING: Buffer = Buffer.alloc(0);

/** Bytes of one answer, searched as they pass. */
export type Screen = {
  /** The part of the bytes so far that may be passed on. A secret in it is replaced by `*` of the same length. */
  take(chunk: Uint8Array): Buffer;
  /** The rest, when nothing more comes. */
  end(): Buffer;
  /** A secret was there. */
  readonly found: boolean;
  /** The last bytes may begin one. */
  readonly holding: boolean;
};

/** How many bytes at the end may begin one of the needles. */
function beginning(bytes: Buffer, needles: readonly Buffer[]): number {
  let most = 0;
  for (const needle of needles) {
    const first = needle[0] ?? 0;
    let at = bytes.indexOf(first, Math.max(0, bytes.length - needle.length + 1));
    while (at >= 0 && bytes.length - at > most) {
      if (bytes.compare(needle, 0, bytes.length - at, at) === 0) most = bytes.length - at;
      at = bytes.indexOf(first, at + 1);
    }
  }
  return most;
}

/** A secret may be cut into chunks anywhere: what may be its beginning waits for the next chunk. */
export function createScreen(needles: Needles): Screen {
  let seen = 0;
  let found = false;
  /** The end of what was taken, as far as it may begin a secret; the first `out` bytes of it have gone on. */
  let tail = NOTHING;
  let out = 0;

  return {
    take(chunk) {
      const given = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      const wanted = seen < ENCODED_WITHIN ? needles.all : needles.plain;
      seen += given.length;
      let bytes = tail.length === 0 ? given : Buffer.concat([tail, given]);
      const gone = out;
      for (const needle of wanted) {
        let at = bytes.length < needle.length ? -1 : bytes.indexOf(needle);
        if (at >= 0 && !found) found = true;
        if (at >= 0 && bytes === given) bytes = Buffer.from(given); // others may hold the same memory
        for (; at >= 0; at = bytes.indexOf(needle, at + needle.length))
          bytes.fill(STRIKE, at, at + needle.length);
      }
      const begins = bytes.length - beginning(bytes, wanted);
      const held = bytes.length - begins;
      tail = held === 0 ? NOTHING : Buffer.from(bytes.subarray(begins));
      const until = held < LEAST_HELD ? bytes.length : Math.max(begins, gone);
      out = Math.max(0, until - begins);
      return bytes.subarray(gone, until);
    },
    end() {
      const rest = tail.subarray(out);
      // most of a secret is as good as all of it
      if (
        needles.all.some(
          (needle) => tail.length * 2 >= needle.length && needle.subarray(0, tail.length).equals(tail),
        )
      ) {
        found ||= tail.length >= LEAST_HELD;
        if (tail.length >= LEAST_HELD) rest.fill(STRIKE);
      }
      tail = NOTHING;
      out = 0;
      return rest;
    },
    get found() {
      return found;
    },
    get holding() {
      return tail.length > out;
    },
  };
}
