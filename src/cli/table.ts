import { paint, PLAIN, type Screen, type Style } from "./render/screen.ts";
import { cut, printable, widthOf } from "./render/text.ts";

export { showAge, showBytes } from "../shared/show.ts";

/** A cell is text from anywhere: it is made printable here. */
export type Cell = string | { text: string; style: Style };

const GAP = 2;
/** What a column keeps as long as another can give; then this. */
const KEEPS = 8;
const LEAST = 2;

/**
 * Columns for people: as wide as their widest cell, two spaces between, figures to the right. What a terminal has no room for is cut with
 * `…`, the last columns first, so that a line is never broken and ids in front stay whole as long as they can. Pure.
 */
export function renderTable(
  head: readonly string[],
  rows: readonly (readonly Cell[])[],
  screen: Screen = PLAIN,
): string {
  const cells = rows.map((row) =>
    row.map((cell) =>
      typeof cell === "string" ? { text: printable(cell) } : { ...cell, text: printable(cell.text) },
    ),
  );
  const natural = head.map((name, i) =>
    cells.reduce((most, row) => Math.max(most, widthOf(row[i]?.text ?? "")), widthOf(name)),
  );
  const widths = screen.columns === undefined ? natural : fit(natural, screen.columns);
  const right = head.map(
    (_, i) => cells.length > 0 && cells.every((row) => /^(?:-|[\d.,]+%?)?$/.test(row[i]?.text ?? "")),
  );
  const line = (row: readonly { text: string; style?: Style }[]): string => {
    let out = "";
    let pad = 0; // of cells before; nothing stands at the end of a line
    for (const [i, { text, style }] of row.entries()) {
      const width = widths[i] ?? 0;
      const shown = cut(text, width);
      const room = width - widthOf(shown);
      const before = pad + (right[i] ? room : 0);
      if (shown === "") {
        pad = before + (right[i] ? 0 : room) + GAP;
        continue;
      }
      out += " ".repeat(before) + paint(screen, style, shown);
      pad = (right[i] ? 0 : room) + GAP;
    }
    return out;
  };
  return [line(head.map((text) => ({ text, style: "head" }))), ...cells.map(line)].join("\n");
}

/** Widths that fit: the last column gives first, down to what it keeps; then all give more. Pure. */
function fit(natural: readonly number[], columns: number): number[] {
  const widths = [...natural];
  let over = widths.reduce((sum, width) => sum + width + GAP, -GAP) - columns;
  for (const least of [KEEPS, LEAST]) {
    for (let i = widths.length - 1; i >= 0 && over > 0; i--) {
      const gives = Math.min(over, Math.max(0, (widths[i] ?? 0) - least));
      widths[i] = (widths[i] ?? 0) - gives;
      over -= gives;
    }
  }
  return widths;
}
