import { paint, type Screen, type Style } from "./screen.ts";
import { printable } from "./text.ts";
import { cut, widthOf } from "./width.ts";

/** A name with one or more texts; each text is a line of its own. */
export type Fact = { name: string; text: string | readonly string[]; style?: Style };

/**
 * Names on the left, texts on the right, wrapped between words if the screen is too narrow. Names may come from outside, as those of sessions; they get at
 * most half of the screen. Pure.
 */
export function renderFacts(facts: readonly Fact[], screen: Screen): string {
  const most = screen.columns === undefined ? Infinity : Math.floor(screen.columns / 2) - 2;
  const names = facts.map((fact) => cut(printable(fact.name), most));
  const indent = Math.max(0, ...names.map(widthOf)) + 2;
  const room = screen.columns === undefined ? Infinity : Math.max(1, screen.columns - indent);
  const lines: string[] = [];
  for (const [at, { text, style }] of facts.entries()) {
    const name = names[at] ?? "";
    const texts = typeof text === "string" ? [text] : text;
    for (const [i, line] of texts.flatMap((it) => wrap(printable(it), room)).entries()) {
      const front =
        i === 0 ? paint(screen, "quiet", name) + " ".repeat(indent - widthOf(name)) : " ".repeat(indent);
      lines.push(front + paint(screen, style, line));
    }
  }
  return lines.join("\n");
}

/** Breaks a printable text into lines of at most this many columns. A longer word is cut with `…`. Pure. */
export function wrap(text: string, columns: number): string[] {
  if (widthOf(text) <= columns) return [text];
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (line !== "" && widthOf(longer) > columns) {
      lines.push(line);
      line = cut(word, columns);
    } else line = cut(longer, columns);
  }
  return [...lines, line];
}
