import { chmodSync, chownSync, lstatSync, mkdirSync, realpathSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { replaceFile } from "../../shared/base/atomic-file.ts";
import { codedError, errorText } from "../../shared/base/errors.ts";
import { readKeptFileSync } from "../../shared/base/short-file.ts";
import { hooksProblem, settingsIn } from "./settings-text.ts";

/** Where the file was before we changed it. */
export function copyOf(file: string): string {
  return `${file}.before-runner-relay`;
}

/** An agent's settings. `file` is the one behind links, so that a link stays one. `mark`: what some editors put before the text. */
export type SettingsFile = { file: string; mark: string; text: string; isThere: boolean };

const MARK = "\uFEFF";

/** Reads the file. Throws `config_invalid` if it is there and hooks cannot be put into it. */
export function readSettings(named: string): SettingsFile {
  const path = resolve(named);
  try {
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined)
      return { file: path, mark: "", text: "", isThere: false };
    const file = realpathSync(path); // fails for a link to nothing, which would not be a link any more
    const whole = readKeptFileSync(file);
    const mark = whole.startsWith(MARK) ? MARK : "";
    const text = whole.slice(mark.length);
    const problem = settingsProblem(text);
    if (problem !== undefined) throw new Error(problem);
    return { file, mark, text, isThere: true };
  } catch (cause) {
    throw codedError("config_invalid", `${path} cannot be used: ${errorText(cause)}`, { cause });
  }
}

function settingsProblem(text: string): string | undefined {
  if (text.includes("\uFFFD")) return "it is not all UTF-8"; // what cannot be read could not be written back
  return settingsIn(text) === undefined ? "it is no JSON object" : hooksProblem(text);
}

/**
 * Changes the file at once, as a whole, with the owner and permissions that it had; a new one is its user's alone. It is read again before, because somebody may have
 * changed it while a person was asked. `keep`: whether a copy is kept of a text. Throws `config_invalid`.
 */
export function changeSettings(
  named: string,
  change: (text: string) => string,
  keep: (text: string) => boolean = () => false,
): void {
  const { file, mark, text, isThere } = readSettings(named);
  try {
    const changed = change(text);
    if (changed === text) return;
    if (!isThere) mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    const before = isThere ? statSync(file) : undefined;
    if (before !== undefined && keep(text)) replaceFile(copyOf(file), mark + text, { flush: true });
    replaceFile(file, mark + changed, { flush: true });
    if (before === undefined) return;
    if (process.getuid?.() === 0) chownSync(file, before.uid, before.gid);
    chmodSync(file, before.mode & 0o7777);
  } catch (cause) {
    throw codedError("config_invalid", `${file} cannot be changed: ${errorText(cause)}`, { cause });
  }
}
