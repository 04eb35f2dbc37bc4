import { isUtf8 } from "node:buffer";
import { readOn, startOf, type JsonMember, type JsonProblem } from "./json-machine.ts";

export type { JsonMember } from "./json-machine.ts";

/** What a JSON text may cost its reader. */
export type JsonLimits = {
  /** Arrays and objects inside each other. */
  depth: number;
  /** Values of any kind, containers too: in a parsed tree each costs 16 to 100 B. Unlimited by default, because the scan itself builds none. */
  values?: number;
};

/** Of a question between processes: a few short fields, the longest of 200 bytes. */
export const QUESTION: JsonLimits & { bytes: number } = { bytes: 2048, depth: 2, values: 16 };
/** Of a record in the bucket that is JSON. */
export const RECORD_JSON: JsonLimits & { bytes: number } = { bytes: 64 * 1024, depth: 8, values: 5000 };

/** What a scan came to; `object` says what the outermost value is, `at` is the offset of the byte that is wrong. */
export type JsonScan = { ok: true; object: boolean } | { ok: false; problem: JsonProblem; at: number };

export type JsonScanOptions = JsonLimits & {
  /** Names to be recognised among the members of the outermost object, however they are escaped; ASCII only. */
  names?: readonly string[];
  /** Is given each member of the outermost object, in order, repeated ones too; `name` is undefined for a name that is not in `names`. */
  onMember?: (name: string | undefined, member: JsonMember) => void;
};

/** A scan in slices, so that a large text delays nothing else. */
export type JsonScanner = {
  /** Reads on for about this many bytes. Undefined: there is more to read. */
  advance(bytes: number): JsonScan | undefined;
};

/**
 * Judges a JSON text as `JSON.parse` does, without building anything of it: memory is its nesting, and time grows with its bytes only.
 * Accepts what `JSON.parse` accepts of valid UTF-8, within the limits. A byte order mark is refused, lone surrogates are not, names may repeat.
 */
export function scanJson(bytes: Uint8Array, options: JsonScanOptions): JsonScan {
  return (
    createJsonScanner(bytes, options).advance(Infinity) ?? { ok: false, problem: "end", at: bytes.length }
  );
}

/** The same in slices; whether it is UTF-8 is found out at once, because that is quick. */
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

/** Parses a text that costs no more than `limits` allow; undefined for any other, and for what is no JSON. */
export function parseJsonWithin(bytes: Uint8Array, limits: JsonLimits & { bytes: number }): unknown {
  if (bytes.length > limits.bytes || !scanJson(bytes, limits).ok) return undefined;
  return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8"));
}
