import { withoutMark } from "../../shared/base/byte-order-mark.ts";
import { membersOf, textOf } from "../../shared/base/json-members.ts";

/** A name of a machine or a file has 255 bytes at the most, ids have less; each may be written as `\u0061`. */
const MAX_TEXT_BYTES: number = 6 * 255 + 2;

/** Members of a JSON object that are short texts. Nothing else of it is built (BOUND-1). Empty for anything that is no object. Pure. */
export function shortTexts(text: Uint8Array, names: readonly string[]): Map<string, string> {
  const body = withoutMark(text);
  const texts = new Map<string, string>();
  for (const [name, member] of membersOf(body, names)) {
    const value = textOf(body, member, MAX_TEXT_BYTES);
    if (value !== undefined) texts.set(name, value);
  }
  return texts;
}
