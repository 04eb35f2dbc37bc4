import stringWidth from "string-width";

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

const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });
/** The number of columns that a printable text takes on a terminal. Pure. */
export function widthOf(text: string): number {
  return stringWidth(text, { countAnsiEscapeCodes: true }); // a printable text has none, so nothing is looked for
}

/** Cuts a printable text to at most this many columns, and marks the cut with `…`. Pure. */
export function cut(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  let kept = "";
  let width = 0;
  for (const { segment } of segmenter.segment(text)) {
    const next = width + widthOf(segment);
    if (next > columns - 1) break;
    kept += segment;
    width = next;
  }
  return columns < 1 ? "" : `${kept}…`;
}
