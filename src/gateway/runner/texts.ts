import { withoutMark } from "../../shared/byte-order-mark.ts";
import { scanJson, type JsonMember } from "../../shared/json-scan.ts";

/** A name of a machine or a file has 255 bytes at the most, ids have less; each may be written as `\u0061`. */
const MAX_TEXT_BYTES: number = 6 * 255 + 2;
/** Agents of a registration carry schemas of their parameters. */
const MAX_DEPTH = 64;

/**
 * Members of a JSON object that are short texts, by their offsets: the rest, which may hold agents and their schemas, is not built
 * (BOUND-1). Empty for anything that is no JSON object. Pure.
 */
export function shortTexts(text: Uint8Array, names: readonly string[]): Map<string, string> {
  const body = withoutMark(text);
  const members = new Map<string, JsonMember>();
  const scan = scanJson(body, {
    depth: MAX_DEPTH,
    names,
    onMember(name, member) {
      if (name !== undefined) members.set(name, member);
    },
  });
  const texts = new Map<string, string>();
  if (!scan.ok) return texts;
  for (const [name, { valueFrom, to }] of members) {
    if (to - valueFrom > MAX_TEXT_BYTES) continue;
    const value: unknown = JSON.parse(Buffer.from(body.subarray(valueFrom, to)).toString("utf8"));
    if (typeof value === "string") texts.set(name, value);
  }
  return texts;
}
