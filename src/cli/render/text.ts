// width.ts measures: its tables of characters cost 50 ms of a start, and most processes only print

/** C0 and C1 control characters (C1 contains CSI and OSC), line separators, and marks that reverse the direction of text. */
const UNSAFE = /[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu;
/** Our own escape sequences, such as colours. */
const SGR = /(\u001b\[[\d;]*m)/;

/**
 * Makes a text from outside safe for a terminal: characters that move the cursor, end a line or begin an escape sequence are written as
 * `\uXXXX`. Session ids, reasons and bodies are such texts. Pure.
 */
export function printable(text: string): string {
  return text.replaceAll(UNSAFE, escaped);
}

/** The same for a text of several lines from outside, such as an agent's answer: it keeps its lines and tabs. Pure. */
export function printableLines(text: string): string {
  return text
    .replaceAll("\r\n", "\n")
    .replaceAll(UNSAFE, (char) => (/[\n\t]/.test(char) ? char : escaped(char)));
}

/** The same for whole lines, which may have colours, just before they go to a terminal or a file. JSON keeps its meaning. Pure. */
export function harmless(text: string): string {
  if (text.search(UNSAFE) === -1) return text;
  return text
    .split(SGR)
    .map((part, i) =>
      i % 2 === 1 ? part : part.replaceAll(UNSAFE, (char) => (/[\n\t]/.test(char) ? char : escaped(char))),
    )
    .join("");
}

function escaped(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
