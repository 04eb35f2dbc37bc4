import type { Lines } from "../../shared/base/output/lines.ts";
import { paint, type Screen, type Style } from "../render/screen.ts";
import { harmless } from "../render/text.ts";

/** pino's levels, the highest first, with the word and the colour that a person reads. */
const LEVELS: readonly { from: number; word: string; style: Style | undefined }[] = [
  { from: 60, word: "fatal: ", style: "bad" },
  { from: 50, word: "error: ", style: "bad" },
  { from: 40, word: "warning: ", style: "wait" },
  { from: 0, word: "", style: undefined },
];
const WARN = 40;
const FATAL = 60;
/** Fields that are not shown behind the message. */
const SHOWN_ELSEWHERE = new Set(["level", "time", "name", "pid", "msg", "stack", "v"]);

/** How a person wants the log. */
export type Reading = {
  screen: Screen;
  /** A log level was chosen, so that everything above it is wanted. Otherwise the children's notes about a normal start are left out. */
  chosenLevel: boolean;
};

/**
 * A log line as a person reads it: `12:03:04 relay warning: message (field=value)`. Undefined for a line that tells a person nothing: what a child says of
 * a normal start, and its last words, which `up` repeats where they matter. Other text than a log line stays as it is. Pure but for the time zone.
 */
export function readableLine(line: string, { screen, chosenLevel }: Reading): string | undefined {
  const entry = entryIn(line);
  if (entry === undefined) return line;
  const { level, name, msg, time, stack, ...fields } = entry;
  const own = name === "up";
  if (!own && level === FATAL && stack === undefined) return undefined;
  if (!own && level < WARN && !chosenLevel) return undefined;
  const { word, style } = LEVELS.find(({ from }) => level >= from) ?? { word: "", style: undefined };
  const at = typeof time === "string" ? clockTime(time) : "";
  const details = Object.entries(fields)
    .filter(([key]) => !SHOWN_ELSEWHERE.has(key))
    .map(([key, value]) => `${key}=${shown(value)}`);
  const rest = details.length === 0 ? "" : ` ${paint(screen, "quiet", `(${details.join(" ")})`)}`;
  const head = `${paint(screen, "quiet", at)} ${paint(screen, "name", String(name))} ${paint(screen, style, word)}`;
  const trace = typeof stack === "string" ? `\n${stack}` : "";
  return harmless(`${head}${String(msg)}${rest}${trace}`);
}

/** Writes log lines in the form for people. */
export function readableLines(lines: Lines, reading: Reading): Lines {
  return {
    ...lines,
    write(text) {
      const shownLines = text
        .split("\n")
        .slice(0, -1)
        .map((line) => readableLine(line, reading))
        .filter((line) => line !== undefined);
      if (shownLines.length > 0) lines.write(`${shownLines.join("\n")}\n`);
    },
  };
}

type Entry = { level: number } & Record<string, unknown>;

function entryIn(line: string): Entry | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && "level" in value && typeof value.level === "number"
      ? (value as Entry)
      : undefined;
  } catch {
    return undefined;
  }
}

function clockTime(iso: string): string {
  const time = new Date(iso);
  return Number.isNaN(time.getTime()) ? "" : time.toTimeString().slice(0, "12:03:04".length);
}

function shown(value: unknown): string {
  if (typeof value === "string") return /^[^\s"=()]+$/.test(value) ? value : JSON.stringify(value);
  return JSON.stringify(value) ?? "";
}
