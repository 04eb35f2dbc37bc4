import { readServers } from "./servers.ts";

/** The type of a value, which decides how its text is parsed. */
export type SettingKind =
  | { type: "text" }
  | { type: "choice"; of: readonly string[] }
  | { type: "flag" }
  /** A whole number within inclusive bounds. */
  | { type: "integer"; min: number; max: number }
  /** `500ms`, `2s`, `15m`, `1h`, `7d`; seconds without a unit. Parsed to milliseconds. */
  | { type: "duration"; minMs: number; maxMs: number }
  /** `64KiB`, `4MiB`, `10GiB`; bytes without a unit. */
  | { type: "bytes"; min: number; max: number }
  /** An http or https URL without credentials and query. Parsed to a text without a trailing slash. */
  | { type: "url" }
  /** Several of them, separated by commas. {@link readUrls} takes them apart. */
  | { type: "urls" }
  /** Comma-separated `nats://` or `tls://` URLs, which may contain a login. */
  | { type: "servers" }
  /** The name of a host and nothing else. */
  | { type: "host" }
  /** The path of a file or folder. */
  | { type: "path" }
  /** Several of them, separated by colons as in PATH; a flag is repeated instead. {@link readPaths} takes them apart. */
  | { type: "paths" };

export type SettingValue = string | number | boolean;

/** One entry of a table of settings (docs/contract.md, "Programs around `up`"). The same table is used for the environment, the flags and the documentation. */
export type Setting = {
  /** Environment variable. */
  env: string;
  /** Alternative names of existing installations. The first one that is set counts. */
  aliases?: readonly string[];
  /** The name of the `--flag`. */
  flag?: string;
  kind: SettingKind;
  fallback?: SettingValue;
  /** One line for people: what the setting does, or the reason for its fallback. */
  help: string;
  /** True if the value is never printed or logged. `<env>_FILE` may name a file that contains it. */
  secret?: true;
};

/** The value, or the problem with the text. */
export type ReadResult = { ok: true; value: SettingValue } | { ok: false; problem: string };

const DURATION_UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const BYTE_UNITS: Record<string, number> = {
  b: 1,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
  tib: 1024 ** 4,
  pib: 1024 ** 5,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
};
/** Between the paths of a value of the kind `paths`, as between those of PATH. */
export const PATHS_SEPARATOR = ":";
const SHOWN_DURATIONS = ["d", "h", "m", "s"] as const;
const SHOWN_BYTES = ["PiB", "TiB", "GiB", "MiB", "KiB"] as const;

/** The paths in a value of the kind `paths`. Pure. */
export function readPaths(text: string): string[] {
  return text.split(PATHS_SEPARATOR).filter((path) => path !== "");
}

/** The URLs in a value of the kind `urls`. Pure. */
export function readUrls(text: string): string[] {
  return text.split(",");
}

/** Formats a value so that {@link readSetting} can parse it again: `2s`, `7d`, `4MiB`. A bare number of milliseconds would be read as seconds. Pure. */
export function showSetting(kind: SettingKind, value: SettingValue): string {
  if (kind.type === "duration" && typeof value === "number") return showDuration(value);
  if (kind.type === "bytes" && typeof value === "number") return showSize(value);
  return String(value);
}

/** Formats a number with the largest unit that divides it. */
function showDuration(ms: number): string {
  const unit = SHOWN_DURATIONS.find((name) => ms > 0 && ms % (DURATION_UNITS[name] ?? 1) === 0);
  return unit === undefined ? `${ms}ms` : `${ms / (DURATION_UNITS[unit] ?? 1)}${unit}`;
}

function showSize(bytes: number): string {
  const sizeOf = (unit: string): number => BYTE_UNITS[unit.toLowerCase()] ?? 1;
  const unit = SHOWN_BYTES.find((name) => bytes > 0 && bytes % sizeOf(name) === 0);
  return unit === undefined ? String(bytes) : `${bytes / sizeOf(unit)}${unit}`;
}

/** Parses a setting's text. Pure. */
export function readSetting(kind: SettingKind, text: string): ReadResult {
  switch (kind.type) {
    case "text":
    case "path":
      return text === "" ? bad("must not be empty") : good(text);
    case "paths":
      return readPaths(text).length === 0 ? bad("must name a folder") : good(text);
    case "choice":
      return kind.of.includes(text) ? good(text) : bad(`must be one of ${kind.of.join(", ")}`);
    case "flag":
      if (/^(1|true|yes|on)$/i.test(text)) return good(true);
      if (/^(0|false|no|off)$/i.test(text)) return good(false);
      return bad("must be true or false");
    case "integer":
      return /^-?\d+$/.test(text)
        ? within(Number(text), kind.min, kind.max, String)
        : bad("must be a whole number");
    case "duration":
      return scaled(
        text,
        DURATION_UNITS,
        "s",
        kind.minMs,
        kind.maxMs,
        showDuration,
        "a duration such as 500ms, 2s or 15m",
      );
    case "bytes":
      return scaled(text, BYTE_UNITS, "b", kind.min, kind.max, showSize, "a size such as 64KiB or 4MiB");
    case "url":
      return readUrl(text);
    case "urls":
      return readAllUrls(text);
    case "servers": {
      const read = readServers(text);
      return read.ok ? good(text) : read;
    }
    case "host":
      return URL.parse(`https://${text}/`)?.host === text.toLowerCase()
        ? good(text)
        : bad("must be a host name such as tenant.eu.auth0.com");
  }
}

function readUrl(text: string): ReadResult {
  if (!URL.canParse(text)) return bad("must be a URL such as https://coordinator.example");
  const url = new URL(text);
  if (url.protocol !== "http:" && url.protocol !== "https:") return bad("must be an http or https URL");
  if (url.username || url.password) return bad("must not carry credentials");
  if (/[?#]/.test(text)) return bad("must not have a query or fragment");
  return good(url.href.replace(/\/+$/, ""));
}

function readAllUrls(text: string): ReadResult {
  const read = text.split(",").map((one) => readUrl(one.trim()));
  const wrong = read.find((one) => !one.ok);
  return wrong ?? good(read.map((one) => (one.ok ? one.value : "")).join(","));
}

function scaled(
  text: string,
  units: Record<string, number>,
  unit: string,
  min: number,
  max: number,
  show: (n: number) => string,
  form: string,
): ReadResult {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text);
  const name = (match?.[2] || unit).toLowerCase();
  const factor = Object.hasOwn(units, name) ? units[name] : undefined;
  if (!match || !factor) return bad(`must be ${form}`);
  return within(Math.round(Number(match[1]) * factor), min, max, show);
}

function within(value: number, min: number, max: number, show: (n: number) => string): ReadResult {
  return value < min || value > max ? bad(`must be between ${show(min)} and ${show(max)}`) : good(value);
}

function good(value: SettingValue): ReadResult {
  return { ok: true, value };
}

function bad(problem: string): ReadResult {
  return { ok: false, problem };
}
