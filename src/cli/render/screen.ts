import { styleText } from "node:util";

/** What people see a command's output on. */
export type Screen = {
  /** Width in columns, as it is now; undefined where lines may be as long as they like: no terminal. */
  readonly columns: number | undefined;
  /** False: no terminal, or `NO_COLOR`. */
  readonly colour: boolean;
};

/** Neither limits nor colours: files, pipes, programs. */
export const PLAIN: Screen = { columns: undefined, colour: false };

type Output = { isTTY?: boolean; columns?: number; hasColors?: () => boolean };

/** The screen behind a stream. `hasColors` reads `NO_COLOR`, `FORCE_COLOR` and `TERM`. */
export function screenOf(stream: Output): Screen {
  return {
    get columns() {
      return stream.isTTY && stream.columns ? stream.columns : undefined; // some report 0
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
