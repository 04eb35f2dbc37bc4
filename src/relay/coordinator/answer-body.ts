import { looksLikeObject, looksLikeStructure } from "../../shared/base/json-ends.ts";
import {
  createJsonScanner,
  parseJsonWithin,
  scanJson,
  type JsonLimits,
} from "../../shared/base/json-scan.ts";

// What the coordinator answers is foreign: 4 MiB of `{}` become 400 MB of objects, and reading them takes a second in which no other request is served.

/** Up to here an answer is parsed at once: 8 KiB hold 4,096 values at the most, half a megabyte. Almost every answer is shorter. */
const DIRECT_BYTES: number = 8 * 1024;
/** Up to here it is judged in one go, in 3 ms, and read if it holds no more than this; what is longer is judged by its ends. */
const SHORT: JsonLimits & { bytes: number } = { bytes: 64 * 1024, values: 10_000, depth: 64 };
/** A list that is needed whole, such as all runs or the events of a session. 250,000 values take about 20 MB. */
const LONG: JsonLimits & { bytes: number } = { bytes: 4 * 1024 * 1024, values: 250_000, depth: 64 };
/** A list is judged in slices of 3 ms, so that others are served meanwhile. */
const SLICE_BYTES: number = 64 * 1024;

function parse(body: Uint8Array): unknown {
  return JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8"));
}

/** The value of a short answer; undefined for what is no JSON or costs too much. */
export function readAnswer(body: Uint8Array): unknown {
  if (body.length > DIRECT_BYTES) return parseJsonWithin(body, SHORT);
  try {
    return parse(body);
  } catch {
    return undefined;
  }
}

function objectOf(value: unknown): Record<string, unknown> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

/** The object of a short answer; undefined for anything else. */
export function readAnswerObject(body: Uint8Array): Record<string, unknown> | undefined {
  return objectOf(readAnswer(body));
}

/** The same of an answer that may be long. */
export async function readLongAnswer(body: Uint8Array): Promise<unknown> {
  if (body.length <= SLICE_BYTES)
    return body.length <= DIRECT_BYTES ? readAnswer(body) : parseJsonWithin(body, { ...LONG });
  if (body.length > LONG.bytes) return undefined;
  const scanner = createJsonScanner(body, LONG);
  for (;;) {
    const result = scanner.advance(SLICE_BYTES);
    if (result !== undefined) return result.ok ? parse(body) : undefined;
    await new Promise<void>((resolve) => void setImmediate(resolve));
  }
}

/** The same, as an object. */
export async function readLongAnswerObject(body: Uint8Array): Promise<Record<string, unknown> | undefined> {
  return objectOf(await readLongAnswer(body));
}

/** Is this JSON of any kind? An answer that is too long to be parsed cheaply counts as JSON if it begins and ends like an object or a list. */
export function isJsonText(body: Uint8Array): boolean {
  if (body.length <= DIRECT_BYTES) return readAnswer(body) !== undefined;
  if (body.length > SHORT.bytes) return looksLikeStructure(body);
  const scan = scanJson(body, { depth: LONG.depth });
  return scan.ok || (scan.problem !== "syntax" && scan.problem !== "end" && looksLikeStructure(body));
}

/** Bytes at the beginning in which an answer shows its form. */
const HEAD_BYTES = 64;

/** Does an answer that is too long to be read have the coordinator's form of a refusal, `{"detail": …}`? */
export function looksLikeRefusal(body: Uint8Array): boolean {
  const head = Buffer.from(body.subarray(0, HEAD_BYTES)).toString("latin1");
  return body.length > DIRECT_BYTES && looksLikeObject(body) && /^\s*\{\s*"detail"\s*:/.test(head);
}
