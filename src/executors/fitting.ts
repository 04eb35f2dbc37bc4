import { RESULT_CHARS, fitting } from "../agents/fit.ts";
import { isObject, type JsonObject } from "./invocation.ts";

// A body for the gateway may have 960 KiB where the broker takes messages of 1 MiB, as it does by default. A character of JSON takes up to 6 bytes.

/** Most bytes, as JSON, of the text of a result: the rest of its event needs far less than what is left of 960 KiB. */
const RESULT_BYTES: number = 900 * 1024;

const FIT = "fit";

/** A text as others may store it: half of a character is replaced, because not everybody can write that down. Pure. */
export function wellFormed(text: string): string {
  return text.toWellFormed();
}

/** The text of a result, as long as it may be. What was left out is counted. Pure. */
export function resultText(text: string): string {
  const all = wellFormed(text);
  if (all.length <= RESULT_BYTES && jsonBytes(all) <= RESULT_BYTES) return all;
  let [fits, tooLong] = [RESULT_BYTES / 6, Math.min(all.length, RESULT_BYTES) + 1];
  while (tooLong - fits > 1) {
    const middle = Math.floor((fits + tooLong) / 2);
    if (jsonBytes(all.slice(0, middle)) <= RESULT_BYTES) fits = middle;
    else tooLong = middle;
  }
  return cutTo(all, fits);
}

function jsonBytes(text: string): number {
  return Buffer.byteLength(JSON.stringify(text));
}

/** What a tool said, as long as it may be. Pure. */
export function toolText(text: string): string {
  return cutTo(wellFormed(text), RESULT_CHARS);
}

/** The first `most` characters, and how many there were. Pure. */
export function cutTo(text: string, most: number): string {
  if (text.length <= most) return text;
  return `${text.slice(0, most).toWellFormed()}\n… (cut; ${text.length} characters in all)`;
}

/** A value as the JSON object that the coordinator wants: `name` is its member where it is none. What is too large is shown as the beginning of its text. Pure. */
export function objectOf(value: unknown, name: string): JsonObject {
  const { [FIT]: fit, ...about } = fitting(FIT, plain(value));
  if (Object.keys(about).length > 0) return { [name]: fit, ...about };
  return isObject(fit) ? fit : { [name]: fit };
}

/** Only what JSON has, with texts that are well formed. */
function plain(value: unknown): unknown {
  const text = JSON.stringify(value, (_, it: unknown) => (typeof it === "string" ? wellFormed(it) : it));
  return text === undefined ? null : (JSON.parse(text) as unknown);
}
