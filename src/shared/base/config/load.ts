import { codedError } from "../errors.ts";
import { readShortFileSync } from "../short-file.ts";
import { secretsOfUrls, showUrl, showUrlsIn } from "../show-url.ts";
import { readSetting, showSetting, type Setting, type SettingKind, type SettingValue } from "./setting.ts";

/** The environment as a plain record, so that only a `main.ts` touches `process.env`. */
export type Environment = Record<string, string | undefined>;
type Table = Record<string, Setting>;

type ValueOf<K extends SettingKind> = K["type"] extends "integer" | "duration" | "bytes"
  ? number
  : K["type"] extends "flag"
    ? boolean
    : string;
/** The typed result of reading a table. Settings without a fallback may be undefined. */
export type Values<T extends Table> = {
  [N in keyof T]: T[N] extends { fallback: SettingValue }
    ? ValueOf<T[N]["kind"]>
    : ValueOf<T[N]["kind"]> | undefined;
};

/** The file of each secret that was read from one, because it may be rotated there. */
export type SecretFiles = Record<string, string>;

export type Loaded<T extends Table> = {
  values: Values<T>;
  secretFiles: SecretFiles;
};

/**
 * Reads settings from flags, then the environment, then fallbacks. Throws one `config_invalid` that lists every problem with the name of its
 * variable, including unknown `RUNNER_RELAY_*` names. `known` has all tables of the product, so that a variable for another process does not count
 * as unknown.
 */
export function loadSettings<T extends Table>(
  table: T,
  input: { env: Environment; flags?: Record<string, string | boolean | undefined>; known: readonly Table[] },
): Loaded<T> {
  const problems: string[] = [...unknownNames(input.env, input.known)];
  const values: Record<string, SettingValue | undefined> = {};
  const secretFiles: SecretFiles = {};
  for (const [name, setting] of Object.entries(table)) {
    const found = find(setting, input.env, input.flags ?? {}, problems);
    if (found === undefined) {
      values[name] = setting.fallback;
      continue;
    }
    if (found.file !== undefined) secretFiles[name] = found.file;
    const result = readSetting(setting.kind, found.text);
    if (result.ok) values[name] = result.value;
    else
      problems.push(
        `${found.from} ${result.problem}${setting.secret ? "" : `, not ${JSON.stringify(showUrl(found.text))}`}`,
      );
  }
  if (problems.length > 0) throw codedError("config_invalid", problems.join("\n"));
  return { values: values as Values<T>, secretFiles };
}

type Found = { text: string; from: string; file?: string };

function find(
  setting: Setting,
  env: Environment,
  flags: Record<string, string | boolean | undefined>,
  problems: string[],
): Found | undefined {
  const flag = setting.flag === undefined ? undefined : flags[setting.flag];
  if (flag !== undefined) return { text: String(flag), from: `--${setting.flag}` };
  for (const name of [setting.env, ...(setting.aliases ?? [])]) {
    const text = env[name];
    if (text !== undefined && text !== "") return { text, from: name };
    const file = setting.secret ? env[`${name}_FILE`] : undefined;
    if (file === undefined || file === "") continue;
    try {
      return { text: readSecretFile(file), from: `${name}_FILE`, file };
    } catch (error) {
      problems.push(`${name}_FILE cannot be read: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  }
  return undefined;
}

/** A secret's text without the line end that editors and `echo` add. */
function readSecretFile(path: string): string {
  return readShortFileSync(path).replace(/\r?\n$/, "");
}

/** Every variable name of the tables, including the `_FILE` forms. */
export function variableNames(tables: readonly Table[]): string[] {
  return tables.flatMap((table) =>
    Object.values(table).flatMap((setting) =>
      [setting.env, ...(setting.aliases ?? [])].flatMap((name) =>
        setting.secret ? [name, `${name}_FILE`] : [name],
      ),
    ),
  );
}

function unknownNames(env: Environment, known: readonly Table[]): string[] {
  const names = new Set(variableNames(known));
  return Object.keys(env)
    .filter((name) => name.startsWith("RUNNER_RELAY_") && !names.has(name))
    .map((name) => {
      const near = nearest(name, names);
      return `${name} is unknown${near === undefined ? "" : `, did you mean ${near}?`}`;
    });
}

function nearest(name: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let least = 4; // with more edits it is a different word
  for (const candidate of candidates) {
    const d = distance(name, candidate);
    if (d < least) [best, least] = [candidate, d];
  }
  return best;
}

/** Levenshtein distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** The effective settings for logs and `runner-relay config`, in the form in which they can be set: `2s`, `4MiB`. Secrets are "set" or "unset". */
export function redacted(
  table: Table,
  values: Record<string, SettingValue | undefined>,
): Record<string, SettingValue> {
  return Object.fromEntries(
    Object.entries(table).map(([name, setting]) => {
      const value = values[name];
      if (setting.secret) return [name, value === undefined ? "unset" : "set"];
      if (value === undefined) return [name, "unset"];
      if (setting.kind.type === "duration" || setting.kind.type === "bytes")
        return [name, showSetting(setting.kind, value)];
      if (setting.kind.type === "servers" || setting.kind.type === "url")
        return [name, showUrl(String(value))];
      return [name, typeof value === "string" ? showUrlsIn(value) : value];
    }),
  );
}

/** Variables that are not ours and may contain a login: for the broker, proxies or a collector. */
const MAY_CARRY = /^(?:NATS_|OTEL_|RUNNER_RELAY_|AUTH0_|AGENT_ORCHESTRATOR_)|_PROXY$/i;

/**
 * Every secret in settings and environment, for the log filter: secret settings, and the logins in URLs.
 */
export function knownSecrets(
  table: Table,
  values: Record<string, SettingValue | undefined>,
  env: Environment,
): string[] {
  const settings = Object.entries(table).flatMap(([name, setting]) => (setting.secret ? [values[name]] : []));
  const urls = Object.entries(env).flatMap(([name, text]) =>
    MAY_CARRY.test(name) ? secretsOfUrls(text ?? "") : [],
  );
  return [...settings.filter((value) => typeof value === "string"), ...urls];
}
