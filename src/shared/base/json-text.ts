import { isDigit } from "./json-number.ts";
import { COLON, endValue, ESCAPE, HEX, STRING, type JsonState } from "./json-state.ts";

/** 1 for bytes that a string may hold as they are: all but control characters, the quote and the backslash. */
const PLAIN = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte < 0x20 || byte === 0x22 || byte === 0x5c ? 0 : 1,
);
/** 1 for what may follow a backslash, but for `u`. */
const SHORT_ESCAPE = new Uint8Array(256);
for (const byte of Buffer.from('"\\/bfnrt')) SHORT_ESCAPE[byte] = 1;
/** The longest way to write one character of a name: `\u0061`. */
const LONGEST_ESCAPE = 6;

/** Reads on in a text, up to its end, to the byte that is wrong, or to `end`. */
export function readString(state: JsonState, end: number): void {
  const { bytes } = state;
  let at = state.at;
  for (;;) {
    while (at < end && PLAIN[bytes[at] ?? 0] === 1) at++;
    // a short escape goes by without a change of phase, because texts hold many
    if (at + 1 >= end || bytes[at] !== 0x5c || SHORT_ESCAPE[bytes[at + 1] ?? 0] !== 1) break;
    state.escaped = true;
    at += 2;
  }
  state.at = at;
  if (at === end) return;
  if (bytes[at] === 0x5c) {
    state.at++;
    state.escaped = true;
    state.phase = ESCAPE;
  } else if (bytes[at] !== 0x22) state.problem = "syntax";
  else {
    state.at++;
    if (!state.naming) return endValue(state, state.at);
    state.naming = false;
    state.phase = COLON;
    if (state.open.length === 1) state.name = nameOf(state, at);
  }
}

/** The name from the quote of the member to the quote at `end`, if it is one of those to be recognized. */
function nameOf({ bytes, names, member, escaped }: JsonState, end: number): string | undefined {
  const from = member.from + 1;
  const length = end - from;
  for (const name of names) {
    if (escaped ? length > name.length * LONGEST_ESCAPE : length !== name.length) continue;
    const text = Buffer.from(bytes.buffer, bytes.byteOffset + from, length).toString("utf8");
    if ((escaped ? JSON.parse(`"${text}"`) : text) === name) return name;
  }
  return undefined;
}

/** Takes a byte behind a backslash. */
export function readEscape(state: JsonState, byte: number): void {
  if (state.phase === ESCAPE) {
    if (byte !== 0x75 && SHORT_ESCAPE[byte] !== 1) return void (state.problem = "syntax");
    state.phase = byte === 0x75 ? HEX : STRING;
    state.left = 4;
  } else {
    const letter = byte | 0x20;
    if (!isDigit(byte) && !(letter >= 0x61 && letter <= 0x66)) return void (state.problem = "syntax");
    if (--state.left === 0) state.phase = STRING;
  }
  state.at++;
}
