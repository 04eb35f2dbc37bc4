import { styleText } from "node:util";

/** Properties of the screen that shows a command's output. */
export type Screen = {
  /** Current width in columns. Undefined if this is not a terminal, so lines may have any length. */
  readonly columns: number | undefined;
  /** Height in lines. Undefined if this is not a terminal. */
  readonly rows: number | undefined;
  /** False if this is not a terminal, or if `NO_COLOR` is set. */
  readonly colour: boolean;
};

/** No limits and no colours, for files, pipes and programs. */
export const PLAIN: Screen = { columns: undefined, rows: undefined, colour: false };

type Output = { isTTY?: boolean; columns?: number; rows?: number; hasColors?: () => boolean };

/** The screen behind a stream. `hasColors` reads `NO_COLOR`, `FORCE_COLOR` and `TERM`. */
export function screenOf(stream: Output): Screen {
  return {
    get columns() {
      return stream.isTTY && stream.columns ? stream.columns : undefined; // some terminals report 0
    },
    get rows() {
      return stream.isTTY && stream.rows ? stream.rows : undefined;
    },
    colour: stream.isTTY === true && stream.hasColors?.() === true,
  };
}

/** Colours by meaning, so that all commands use the same ones. */
const STYLES = {
  head: "bold",
  good: "green",
  wait: "yellow",
  bad: "red",
  name: "cyan",
  quiet: "dim",
} as const;
export type Style = keyof typeof STYLES;

/** Colours a printable text if the screen has colours. Pure. */
export function paint(screen: Screen, style: Style | undefined, text: string): string {
  if (!screen.colour || style === undefined || text === "") return text;
  return styleText(STYLES[style], text, { validateStream: false });
}

const HOME_AND_CLEAR = "\u001b[H\u001b[2J";
const HOME = "\u001b[H";
const REST_OF_LINE = "\u001b[K";
const REST_OF_SCREEN = "\u001b[J";

/**
 * The output that replaces the text drawn before, without flicker. If this is not a terminal, the texts follow each other. Lines below the end
 * of the screen are cut, because they would make it scroll. Pure.
 */
export function frame(screen: Screen, text: string, first: boolean): string {
  if (screen.rows === undefined) return `${text}\n\n`;
  const lines = text.split("\n");
  const fits = lines.length < screen.rows ? lines : [...lines.slice(0, screen.rows - 2), "…"];
  return `${first ? HOME_AND_CLEAR : HOME}${fits.map((line) => `${line}${REST_OF_LINE}\n`).join("")}${REST_OF_SCREEN}`;
}
