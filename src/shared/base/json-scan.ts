import { isUtf8 } from "node:buffer";
import { readOn } from "./json-machine.ts";
import { startOf, type JsonMember, type JsonProblem } from "./json-state.ts";

export type { JsonMember } from "./json-state.ts";

/** Limits for a JSON text. */
export type JsonLimits = {
  /** Most levels of nested arrays and objects. */
  depth: number;
  /** Most values of any kind, including containers. In a parsed tree each costs 16 to 100 B. Unlimited by default, because the scan itself builds none. */
  values?: number;
};

/** Limits for a question between processes: a few short fields, the longest of 200 bytes. */
export const QUESTION: JsonLimits & { bytes: number } = { bytes: 2048, depth: 2, values: 16 };
/** Limits for a JSON record in the bucket. */
export const RECORD_JSON: JsonLimits & { bytes: number } = { bytes: 64 * 1024, depth: 8, values: 5000 };

/** The result of a scan. `object`: the outermost value is an object. `at`: the offset of the wrong byte. */
export type JsonScan = { ok: true; object: boolean } | { ok: false; problem: JsonProblem; at: number };

export type JsonScanOptions = JsonLimits & {
  /** Names of the outermost object's members to recognize, however they are escaped. ASCII only. */
  names?: readonly string[];
  /** Called with each member of the outermost object, in order, including repeated ones. `name` is undefined for a name that is not in `names`. */
  onMember?: (name: string | undefined, member: JsonMember) => void;
};

/** A scan in slices, so that a large text does not delay other work. */
export type JsonScanner = {
  /** Reads about this many more bytes. Undefined: there is more to read. */
  advance(bytes: number): JsonScan | undefined;
};

/**
 * Checks a JSON text as `JSON.parse` does, without building its values. Memory depends only on the nesting, and time only on the number of bytes. Accepts
 * what `JSON.parse` accepts of valid UTF-8, within the limits: a byte order mark is refused, lone surrogates are accepted, and names may repeat.
 */
export function scanJson(bytes: Uint8Array, options: JsonScanOptions): JsonScan {
  return (
    createJsonScanner(bytes, options).advance(Infinity) ?? { ok: false, problem: "end", at: bytes.length }
  );
}

/** The same in slices. Only the check for UTF-8 is done at once, because it is fast. */
export function createJsonScanner(bytes: Uint8Array, options: JsonScanOptions): JsonScanner {
  const state = startOf(bytes, { ...options, values: options.values ?? Infinity });
  if (!isUtf8(bytes)) state.problem = "encoding";
  return {
    advance(count) {
      if (state.problem === undefined) readOn(state, Math.min(bytes.length, state.at + count));
      if (state.problem !== undefined) return { ok: false, problem: state.problem, at: state.at };
      if (state.at < bytes.length) return undefined;
      return state.whole
        ? { ok: true, object: state.object }
        : { ok: false, problem: "end", at: bytes.length };
    },
  };
}

/** Parses a text within `limits`. Undefined if it exceeds them, or is not JSON. */
export function parseJsonWithin(bytes: Uint8Array, limits: JsonLimits & { bytes: number }): unknown {
  if (bytes.length > limits.bytes || !scanJson(bytes, limits).ok) return undefined;
  return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8"));
}
