import { styleText } from "node:util";

/** What people see a command's output on. */
export type Screen = {
  /** Width in columns, as it is now; undefined where lines may be as long as they like: no terminal. */
  readonly columns: number | undefined;
  /** Height in lines; undefined: no terminal. */
  readonly rows: number | undefined;
  /** False: no terminal, or `NO_COLOR`. */
  readonly colour: boolean;
};

/** Neither limits nor colours: files, pipes, programs. */
export const PLAIN: Screen = { columns: undefined, rows: undefined, colour: false };

type Output = { isTTY?: boolean; columns?: number; rows?: number; hasColors?: () => boolean };

/** The screen behind a stream. `hasColors` reads `NO_COLOR`, `FORCE_COLOR` and `TERM`. */
export function screenOf(stream: Output): Screen {
  return {
    get columns() {
      return stream.isTTY && stream.columns ? stream.columns : undefined; // some report 0
    },
    get rows() {
      return stream.isTTY && stream.rows ? stream.rows : undefined;
    },
    colour: stream.isTTY === true && stream.hasColors?.() === true,
  };
}

/** Colours by what they mean, so that all commands use the same. */
const STYLES = {
  head: "bold",
  good: "green",
  wait: "yellow",
  bad: "red",
  name: "cyan",
  quiet: "dim",
} as const;
export type Style = keyof typeof STYLES;

/** A printable text in a colour, where there are colours. Pure. */
export function paint(screen: Screen, style: Style | undefined, text: string): string {
  if (!screen.colour || style === undefined || text === "") return text;
  return styleText(STYLES[style], text, { validateStream: false });
}

const HOME_AND_CLEAR = "\u001b[H\u001b[2J";
const HOME = "\u001b[H";
const REST_OF_LINE = "\u001b[K";
const REST_OF_SCREEN = "\u001b[J";

/**
 * What draws a text over the one before without flicker; on anything but a terminal they stand below each other. What is higher than the
 * screen is cut, since it would scroll. Pure.
 */
export function frame(screen: Screen, text: string, first: boolean): string {
  if (screen.rows === undefined) return `${text}\n\n`;
  const lines = text.split("\n");
  const fits = lines.length < screen.rows ? lines : [...lines.slice(0, screen.rows - 2), "…"];
  return `${first ? HOME_AND_CLEAR : HOME}${fits.map((line) => `${line}${REST_OF_LINE}\n`).join("")}${REST_OF_SCREEN}`;
}
