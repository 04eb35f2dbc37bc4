import { scanJson, type JsonLimits } from "../shared/base/json-scan.ts";

// An event of the log holds 960 KiB, and a character of JSON takes up to 6 bytes.

/** Most characters of one event of text. */
const TEXT_CHARS: number = 128 * 1024;
/** Most characters of what a tool said that are kept. What is longer says how long it was. */
export const RESULT_CHARS: number = 128 * 1024;
/** Most characters of a tool's input, as JSON, and of structured data. */
const DATA_CHARS: number = 128 * 1024;
/** What stands in an event may be nested so deeply that the event can be read. */
const NESTED: JsonLimits = { depth: 60, values: 90_000 };

/** A text in parts that an event has room for. Pure. */
export function textParts(text: string): string[] {
  const parts: string[] = [];
  for (let at = 0; at < text.length;) {
    const end = endNear(text, at + TEXT_CHARS);
    parts.push(text.slice(at, end));
    at = end;
  }
  return parts;
}

/** A text that an event has room for, as its member `name`. What was left out is counted. Pure. */
export function cut(name: string, text: string, most: number): Record<string, unknown> {
  if (text.length <= most) return { [name]: text };
  return { [name]: text.slice(0, endNear(text, most)), truncated: true, chars: text.length };
}

/** A value of JSON that an event has room for, as its member `name`; what has none is shown as the beginning of its text. Pure. */
export function fitting(name: string, value: unknown): Record<string, unknown> {
  const text = JSON.stringify(value) ?? "null";
  return text.length <= DATA_CHARS && scanJson(Buffer.from(text), NESTED).ok
    ? { [name]: value ?? null }
    : cut(name, text, DATA_CHARS);
}

/** Where to cut near `at`, so that no character is torn apart. */
function endNear(text: string, at: number): number {
  if (at >= text.length) return text.length;
  const unit = text.charCodeAt(at - 1);
  return unit >= 0xd800 && unit <= 0xdbff ? at - 1 : at;
}
