import { Packr } from "msgpackr";

// We only write small maps of texts, numbers and bytes as msgpack. `pack` is msgpackr's, and `unpack` is ours, because a general decoder builds
// whatever the bytes describe: 3 MB of empty maps became 400 MB of objects, and crashed every relay that read them.

/** Limits for a message. Anything beyond them is refused before it is built. */
export type Bounds = {
  /** Most items of arrays and entries of maps, in total. */
  values: number;
  /** Most levels of nested maps and arrays. */
  depth: number;
};

/** Limits for our own records: a dozen fields, one of them a small map, with room for fields that later versions add. */
export const RECORD: Bounds = { values: 64, depth: 4 };

/** First bytes of values, with the names of the format. */
const NIL = 0xc0;
const FALSE = 0xc2;
const TRUE = 0xc3;
const BIN_8 = 0xc4;
const FLOAT_32 = 0xca;
const FLOAT_64 = 0xcb;
const UINT_8 = 0xcc;
const INT_8 = 0xd0;
const FIXEXT_1 = 0xd4;
const STR_8 = 0xd9;
const ARRAY_16 = 0xdc;
const MAP_16 = 0xde;

/** Size of the cache of keys, a power of two. Keys are few and repeat, so each is compared instead of decoded. Keys with the same slot replace each other. */
const KEY_SLOTS = 64;
const LONGEST_KEY = 16;
const keys: string[] = Array.from({ length: KEY_SLOTS }, () => "");

const packr = new Packr({ useRecords: false, variableMapSize: true });

export function pack(value: unknown): Uint8Array {
  return packr.pack(value);
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;
  #left: number;

  constructor(bytes: Uint8Array, values: number) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#left = values;
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  value(depth: number): unknown {
    const first = this.#uint(1);
    if (first < 0x80) return first;
    if (first >= 0xe0) return first - 0x100;
    if (first < 0x90) return this.#map(first & 0x0f, depth);
    if (first < 0xa0) return this.#array(first & 0x0f, depth);
    if (first < NIL) return this.#text(first & 0x1f);
    if (first >= STR_8 && first < ARRAY_16) return this.#text(this.#uint(1 << (first - STR_8)));
    if (first >= BIN_8 && first < BIN_8 + 3) return this.#take(this.#uint(1 << (first - BIN_8)));
    if (first >= MAP_16) return this.#map(this.#uint(first === MAP_16 ? 2 : 4), depth);
    if (first >= ARRAY_16) return this.#array(this.#uint(first === ARRAY_16 ? 2 : 4), depth);
    return this.#scalar(first);
  }

  #scalar(first: number): unknown {
    switch (first) {
      case NIL:
        return null;
      case FALSE:
        return false;
      case TRUE:
        return true;
      case FLOAT_32:
        return this.#bytes.readFloatBE(this.#skip(4));
      case FLOAT_64:
        return this.#bytes.readDoubleBE(this.#skip(8));
      case UINT_8:
      case UINT_8 + 1:
      case UINT_8 + 2:
        return this.#uint(1 << (first - UINT_8));
      case UINT_8 + 3:
        return Number(this.#bytes.readBigUInt64BE(this.#skip(8)));
      case INT_8:
      case INT_8 + 1:
      case INT_8 + 2: {
        const size = 1 << (first - INT_8);
        return this.#bytes.readIntBE(this.#skip(size), size);
      }
      case INT_8 + 3:
        return Number(this.#bytes.readBigInt64BE(this.#skip(8)));
      case FIXEXT_1:
        if (this.#uint(2) === 0) return undefined;
        break;
    }
    throw new Error("a value has an unexpected type");
  }

  #array(length: number, depth: number): unknown[] {
    this.#enter(length, depth);
    const items: unknown[] = [];
    for (let i = 0; i < length; i++) items.push(this.value(depth - 1));
    return items;
  }

  #map(length: number, depth: number): Record<string, unknown> {
    this.#enter(length, depth);
    const map: Record<string, unknown> = {};
    for (let i = 0; i < length; i++) {
      const key = this.#key();
      map[key] = this.value(depth - 1);
    }
    return map;
  }

  /** Counts a declared length at once, because a message can declare four billion entries for free. */
  #enter(length: number, depth: number): void {
    if (depth <= 0) throw new Error("the message is nested too deeply");
    this.#left -= length;
    if (this.#left < 0) throw new Error("the message holds too many values");
  }

  #key(): string {
    const first = this.#uint(1);
    const length = (first & 0xe0) === 0xa0 ? first & 0x1f : first === STR_8 ? this.#uint(1) : -1;
    if (length < 0) throw new Error("a key is not a short text");
    if (length === 0 || length > LONGEST_KEY || this.#at + length > this.#bytes.length)
      return this.#foreignKey(length);
    const slot = (length * 7 + (this.#bytes[this.#at] ?? 0) * 3) & (KEY_SLOTS - 1);
    const known = keys[slot] ?? "";
    if (known.length === length && this.#startsWith(known)) {
      this.#at += length;
      return known;
    }
    return (keys[slot] = this.#foreignKey(length));
  }

  #foreignKey(length: number): string {
    const key = this.#text(length);
    if (key === "__proto__") throw new Error("a key is unknown");
    return key;
  }

  /** True for ASCII only. */
  #startsWith(text: string): boolean {
    for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== this.#bytes[this.#at + i]) return false;
    return true;
  }

  #text(length: number): string {
    const from = this.#skip(length);
    return this.#bytes.toString("utf8", from, this.#at);
  }

  #take(length: number): Uint8Array {
    const from = this.#skip(length);
    return this.#bytes.subarray(from, this.#at);
  }

  #uint(size: number): number {
    const at = this.#skip(size);
    const bytes = this.#bytes;
    if (size === 1) return bytes[at] ?? 0;
    return size === 2 ? bytes.readUInt16BE(at) : bytes.readUInt32BE(at);
  }

  /** Skips this many bytes, and returns the offset of the first one. */
  #skip(size: number): number {
    const from = this.#at;
    if (size > this.#bytes.length - from) throw new Error("the message ends too early");
    this.#at = from + size;
    return from;
  }
}

/**
 * Decodes one message: nil, booleans, numbers, texts, bytes, and arrays and maps of them with texts as keys. Extensions are refused, except
 * msgpackr's `undefined`. Bytes share the message's memory. Throws a plain error that does not quote the message. The work is limited by `bounds` and by
 * one copy of each text.
 */
export function unpack(bytes: Uint8Array, bounds: Bounds): unknown {
  const reader = new Reader(bytes, bounds.values);
  const value = reader.value(bounds.depth);
  if (!reader.atEnd) throw new Error("there are extra bytes after the message");
  return value;
}

/** The number under the key `v` at the start of a map. Undefined for anything else. Reads at most a dozen bytes. */
export function versionOf(bytes: Uint8Array): number | undefined {
  const [first = 0] = bytes;
  const at = first >= 0x80 && first < 0x90 ? 1 : first === MAP_16 ? 3 : first === MAP_16 + 1 ? 5 : -1;
  if (at < 0 || bytes[at] !== 0xa1 || bytes[at + 1] !== 0x76) return undefined;
  const value = bytes[at + 2] ?? NIL;
  if (value < 0x80) return value;
  const size = value >= UINT_8 && value < UINT_8 + 3 ? 1 << (value - UINT_8) : 0;
  if (size === 0 || at + 3 + size > bytes.length) return undefined;
  let version = 0;
  for (let i = 0; i < size; i++) version = version * 256 + (bytes[at + 3 + i] ?? 0);
  return version;
}
