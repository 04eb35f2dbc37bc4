import { existsSync, realpathSync, statSync, chmodSync, mkdirSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { replaceFile } from "../../shared/base/atomic-file.ts";
import { codedError, errorText } from "../../shared/base/errors.ts";
import { readKeptFileSync } from "../../shared/base/short-file.ts";
import { settingsIn } from "./settings-text.ts";

/** Where the file was before we changed it. */
export function copyOf(file: string): string {
  return `${file}.before-runner-relay`;
}

/** An agent's settings. `file` is the one behind links, so that a link stays one. */
export type SettingsFile = { file: string; text: string; isThere: boolean };

/** Reads the file. Throws `config_invalid` if it is there and no JSON object, because nothing could be put into it. */
export function readSettings(named: string): SettingsFile {
  const path = resolve(named);
  if (!existsSync(path)) return { file: path, text: "", isThere: false };
  try {
    const file = realpathSync(path);
    const text = readKeptFileSync(file);
    if (settingsIn(text) === undefined) throw new Error("it is no JSON object");
    return { file, text, isThere: true };
  } catch (cause) {
    throw codedError("config_invalid", `${path} cannot be used: ${errorText(cause)}`, { cause });
  }
}

/** Writes the file at once, as a whole, with the permissions that it had; a new one is its user's alone. */
export function writeSettings({ file, isThere }: SettingsFile, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  const mode = isThere ? statSync(file).mode & 0o777 : 0o600;
  replaceFile(file, text, { flush: true });
  chmodSync(file, mode);
}

/** Keeps the file as it was. */
export function keepCopy({ file, text, isThere }: SettingsFile): void {
  if (isThere) replaceFile(copyOf(file), text, { flush: true });
}
