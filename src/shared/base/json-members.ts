import { createJsonScanner, scanJson, type JsonMember } from "./json-scan.ts";

/** Most levels of an answer. The coordinator's answers have fewer, and a deeper one is of no use. */
const MAX_DEPTH = 64;
/** A large answer is read in slices of 3 ms, so that other work continues meanwhile. */
const SLICE_BYTES: number = 64 * 1024;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
/** `[` and `{`, `]` and `}`. */
const OPENING: ReadonlySet<number> = new Set([0x5b, 0x7b]);
const CLOSING: ReadonlySet<number> = new Set([0x5d, 0x7d]);

/** Members of an object by name. Of repeated names the last one counts. */
export type Members = ReadonlyMap<string, JsonMember>;

/**
 * The members of an object with these names, by the offsets of their values. Nothing else of a large answer is built in memory (BOUND-1). Empty if the
 * text is not an object. Pure.
 */
export function membersOf(body: Uint8Array, names: readonly string[]): Members {
  const members = new Map<string, JsonMember>();
  return scanJson(body, scanning(names, members)).ok ? members : new Map();
}

/** The same for an answer that may be large. */
export async function membersOfLong(body: Uint8Array, names: readonly string[]): Promise<Members> {
  const members = new Map<string, JsonMember>();
  const scanner = createJsonScanner(body, scanning(names, members));
  for (;;) {
    const scan = scanner.advance(SLICE_BYTES);
    if (scan !== undefined) return scan.ok ? members : new Map();
    await new Promise<void>((resolve) => void setImmediate(resolve));
  }
}

function scanning(
  names: readonly string[],
  members: Map<string, JsonMember>,
): Parameters<typeof scanJson>[1] {
  return {
    depth: MAX_DEPTH,
    names,
    onMember(name, member) {
      if (name !== undefined) members.set(name, member);
    },
  };
}

export function valueOf(body: Uint8Array, member: JsonMember): Uint8Array {
  return body.subarray(member.valueFrom, member.to);
}

/** The text of a member. Undefined if it is not a text, or longer than this many bytes of JSON. Pure. */
export function textOf(body: Uint8Array, member: JsonMember | undefined, most: number): string | undefined {
  if (member === undefined || member.to - member.valueFrom > most) return undefined;
  const value: unknown = JSON.parse(Buffer.from(valueOf(body, member)).toString("utf8"));
  return typeof value === "string" ? value : undefined;
}

/** The object in a member. Undefined for anything else. Pure. */
export function objectOf(body: Uint8Array, member: JsonMember | undefined): Uint8Array | undefined {
  return member === undefined || body[member.valueFrom] !== 0x7b ? undefined : valueOf(body, member);
}

/** The elements of an array, or none for anything else. The scan that found the bytes has checked that they are JSON. Pure. */
export function* elementsOf(array: Uint8Array): Generator<Uint8Array> {
  if (array[0] !== 0x5b) return;
  let depth = 0;
  let from = 1;
  let inText = false;
  for (let at = 0; at < array.length; at++) {
    const byte = array[at] ?? 0;
    if (inText) {
      if (byte === BACKSLASH) at++;
      else if (byte === QUOTE) inText = false;
    } else if (byte === QUOTE) inText = true;
    else if (OPENING.has(byte)) depth++;
    else if (CLOSING.has(byte)) depth--;
    const ends = !inText && ((byte === COMMA && depth === 1) || depth === 0);
    if (!ends) continue;
    const element = array.subarray(from, at);
    if (byte === COMMA || !isBlank(element)) yield element;
    from = at + 1;
  }
}

function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte <= 0x20);
}
