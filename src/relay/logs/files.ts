import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { loadSettings, variableNames, type Environment } from "../../shared/base/config/load.ts";
import { codedError, errorText } from "../../shared/base/errors.ts";
import { readKeptFile } from "../../shared/base/short-file.ts";
import type { BrokerAccess } from "../../shared/log/broker.ts";
import { ALL_SETTINGS, BROKER_SETTINGS, brokerAccess } from "../../shared/settings/index.ts";

/** What a log's file has in it. */
export type LogFile = { kind: "text"; text: string } | { kind: "unreadable"; problem: string };

/** The files of a folder by the names of their logs. */
export type LogFiles = ReadonlyMap<string, LogFile>;

/** Who we are at the broker. Each log has its own. */
const LOGIN: readonly string[] = variableNames([
  {
    user: BROKER_SETTINGS.natsUser,
    password: BROKER_SETTINGS.natsPassword,
    token: BROKER_SETTINGS.natsToken,
    creds: BROKER_SETTINGS.natsCreds,
  },
]);

/** A login is two lines. Each file is read every few seconds, so that it is not to be large. */
const MOST_BYTES = 16 * 1024;
/** A log's name is part of its relay's, and a label of metrics. */
const NAME = /^[\w-]{1,64}$/;
const WRONG_NAME = "the name of a log has at most 64 letters, digits, `-` and `_`";

/**
 * Reads the folder. A file that cannot be read, or whose name is none of a log, is a matter of its own log: nobody would find out otherwise why that is not
 * served. Hidden files are those of editors. Throws the file system's error for a folder that cannot be read.
 */
export async function readLogFiles(folder: string): Promise<LogFiles> {
  const names = (await readdir(folder)).flatMap((file) => /^([^.].*)\.env$/s.exec(file)?.[1] ?? []);
  return new Map(
    await Promise.all(names.toSorted().map(async (name) => [name, await readLogFile(folder, name)] as const)),
  );
}

async function readLogFile(folder: string, name: string): Promise<LogFile> {
  if (!NAME.test(name)) return { kind: "unreadable", problem: WRONG_NAME };
  try {
    return { kind: "text", text: await readKeptFile(join(folder, `${name}.env`), MOST_BYTES) };
  } catch (error) {
    return { kind: "unreadable", problem: errorText(error) };
  }
}

/** Variables of the process that would be a login for all logs. Pure. */
export function loginsIn(env: Environment): string[] {
  return LOGIN.filter((name) => (env[name] ?? "") !== "");
}

/**
 * How to reach a log: its file's settings, and the process's own where the file says nothing. Throws `config_invalid`, which never quotes a secret.
 */
export function accessOf(file: LogFile, env: Environment): BrokerAccess {
  if (file.kind === "unreadable") throw codedError("config_invalid", file.problem);
  const own = parseEnv(file.text);
  const known = variableNames([BROKER_SETTINGS]);
  const strange = Object.keys(own).filter((name) => !known.includes(name));
  if (strange.length > 0)
    throw codedError(
      "config_invalid",
      `${namesOf(strange)}: no setting of a log; it may have ${known.join(", ")}`,
    );
  const shared = Object.fromEntries(
    known.filter((name) => !LOGIN.includes(name)).map((name) => [name, env[name]]),
  );
  return brokerAccess(
    loadSettings(BROKER_SETTINGS, { env: { ...shared, ...own }, known: ALL_SETTINGS }).values,
  );
}

/** What looks like the name of a setting; anything else may be a password that stands in the file alone. Pure. */
function namesOf(keys: readonly string[]): string {
  const names = keys.filter((key) => /^[A-Z]{2,16}(?:_[A-Z]{1,16}){1,6}$/.test(key)).slice(0, 5);
  return names.length === keys.length ? names.join(", ") : [...names, "text that is no setting"].join(", ");
}

/** What is to be done about a log: served as its file says now, or no longer. */
export type LogChange = { name: string; file: LogFile | undefined };

/**
 * What differs from what is served. A file counts when it looked the same twice, so that one that is being written is read when it is complete. Pure.
 */
export function changesOf(served: LogFiles, before: LogFiles, now: LogFiles): LogChange[] {
  const names = new Set([...served.keys(), ...now.keys()]);
  return [...names].flatMap((name) => {
    const file = now.get(name);
    const settled = isSame(file, before.get(name));
    return settled && !isSame(file, served.get(name)) ? [{ name, file }] : [];
  });
}

function isSame(a: LogFile | undefined, b: LogFile | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
