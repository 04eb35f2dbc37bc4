import { paint, PLAIN, type Screen, type Style } from "./screen.ts";
import { printable } from "./text.ts";
import { cut, widthOf } from "./width.ts";

export { showAge, showBytes } from "../../shared/base/show.ts";

/** A cell of a table. Its text may come from anywhere, so it is made printable here. */
export type Cell = string | { text: string; style: Style };

const GAP = 2;
/** Least width of a column before others are left out. The first column has the ids, which people copy, so it keeps more. */
const KEEPS = 8;
const FIRST_KEEPS = 20;
const LEAST = 2;
/** End of the head if the last columns did not fit. */
const MORE = "…";

/**
 * A table for people. Columns are as wide as their widest cell, with two spaces between them and figures aligned to the right. If the terminal
 * is too narrow, cells are cut with `…`, the last columns first; a column that would keep only a few letters is left out. So no line is ever
 * broken, and the ids in front stay whole as long as possible. Pure.
 */
export function renderTable(
  head: readonly string[],
  rows: readonly (readonly Cell[])[],
  screen: Screen = PLAIN,
): string {
  const all = rows.map((row) =>
    row.map((cell) =>
      typeof cell === "string" ? { text: printable(cell) } : { ...cell, text: printable(cell.text) },
    ),
  );
  const inCells = head.map((_, i) =>
    all.reduce((most, row) => Math.max(most, widthOf(row[i]?.text ?? "")), 0),
  );
  const natural = head.map((name, i) => Math.max(inCells[i] ?? 0, widthOf(name)));
  const widths = screen.columns === undefined ? natural : fit(natural, inCells, screen.columns);
  const cells = all.map((row) => row.slice(0, widths.length));
  const names = widths.length < head.length ? [...head.slice(0, widths.length), MORE] : head;
  if (names !== head) widths.push(widthOf(MORE));
  const right = head.map(
    (_, i) => cells.length > 0 && cells.every((row) => /^(?:-|[\d.,]+%?)?$/.test(row[i]?.text ?? "")),
  );
  const line = (row: readonly { text: string; style?: Style }[]): string => {
    let out = "";
    let pad = 0; // padding of the cells before, so that no line ends with spaces
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
  return [line(names.map((text) => ({ text, style: "head" }))), ...cells.map(line)].join("\n");
}

/**
 * Widths that fit. The last column shrinks first, down to its least width; then the heads above narrow cells; then the last columns are left
 * out (fewer widths than columns, with room for {@link MORE}). A single column shrinks as far as it must. Pure.
 */
function fit(natural: readonly number[], inCells: readonly number[], columns: number): number[] {
  const keeps = natural.map((_, i) => (i === 0 ? FIRST_KEEPS : KEEPS));
  const heads = natural.map((_, i) => Math.min(keeps[i] ?? 0, Math.max(inCells[i] ?? 0, LEAST)));
  for (let count = natural.length; count > 1; count--) {
    const more = count < natural.length ? GAP + widthOf(MORE) : 0;
    const widths = give(natural.slice(0, count), [keeps, heads], columns - more);
    if (widths !== undefined) return widths;
  }
  return [Math.max(LEAST, columns - (natural.length > 1 ? GAP + widthOf(MORE) : 0))];
}

/** Widths of at most `room` in sum. Each column shrinks to the first of its least widths, then to the next. Undefined if that is not enough. */
function give(
  natural: readonly number[],
  steps: readonly (readonly number[])[],
  room: number,
): number[] | undefined {
  const widths = [...natural];
  let over = widths.reduce((sum, width) => sum + width + GAP, -GAP) - room;
  for (const least of steps) {
    for (let i = widths.length - 1; i >= 0 && over > 0; i--) {
      const gives = Math.min(over, Math.max(0, (widths[i] ?? 0) - (least[i] ?? 0)));
      widths[i] = (widths[i] ?? 0) - gives;
      over -= gives;
    }
  }
  return over > 0 ? undefined : widths;
}
