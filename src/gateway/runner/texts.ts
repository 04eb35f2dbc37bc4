import { withoutMark } from "../../shared/base/byte-order-mark.ts";
import { membersOf, textOf } from "../../shared/base/json-members.ts";

/** Names of machines and files have at most 255 bytes, and ids have fewer; each byte may be written as `\u0061`. */
const MAX_TEXT_BYTES: number = 6 * 255 + 2;

/** The members of a JSON object that are short texts. Nothing else of the body is built in memory (BOUND-1). Empty for a body that is not an object. Pure. */
export function shortTexts(text: Uint8Array, names: readonly string[]): Map<string, string> {
  const body = withoutMark(text);
  const texts = new Map<string, string>();
  for (const [name, member] of membersOf(body, names)) {
    const value = textOf(body, member, MAX_TEXT_BYTES);
    if (value !== undefined) texts.set(name, value);
  }
  return texts;
}
