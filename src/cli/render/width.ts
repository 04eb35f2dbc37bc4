import stringWidth from "string-width";

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
