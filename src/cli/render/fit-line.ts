import { paint, type Screen, type Style } from "./screen.ts";
import { printable } from "./text.ts";
import { cut, widthOf } from "./width.ts";

/** Joins the parts of a line with two spaces and cuts the line at the width of the screen. Pure. */
export function fitLine(parts: readonly [string, Style?][], screen: Screen): string {
  let room = screen.columns ?? Infinity;
  let line = "";
  for (const [raw, style] of parts) {
    const text = printable(raw);
    if (text === "") continue;
    const gap = line === "" ? 0 : 2;
    if (room <= gap) break;
    const shown = cut(text, room - gap);
    line += " ".repeat(gap) + paint(screen, style, shown);
    room -= gap + widthOf(shown);
  }
  return line;
}
