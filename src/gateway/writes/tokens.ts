import { randomFillSync } from "node:crypto";

/** Lower-case letters and digits, so that a token is a part of a subject, of a URL and of a file's name as it stands. */
const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";
/** 20 characters of 5 bits make 100 bits, which cannot be guessed; 96 are enough for any number of events. */
const LENGTH = 20;
/** Random bytes that are drawn at once, because a call of the system's generator costs a microsecond whatever it gives. Each is used once. */
const POOL_BYTES: number = LENGTH * 256;

/** Makes unguessable tokens of equal length. All earlier ones say nothing about the next. */
export function createTokens(fill: (bytes: Buffer) => void = randomFillSync): () => string {
  const pool = Buffer.alloc(POOL_BYTES);
  let at = POOL_BYTES;
  return () => {
    if (at === POOL_BYTES) {
      fill(pool);
      for (let i = 0; i < POOL_BYTES; i++) pool[i] = ALPHABET.charCodeAt((pool[i] ?? 0) & 31);
      at = 0;
    }
    return pool.toString("latin1", at, (at += LENGTH));
  };
}
