import { accessSync, constants, existsSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Environment } from "./config/load.ts";
import { dataFolder } from "./data-folder.ts";

// The one place that knows how people call this program. The commands that it prints must work as they are printed, also in a clone whose command is not in the
// PATH, and for a data folder that is not the default. Like the command line, this belongs to the process; so `main.ts` sets it once, and no text needs it as an argument.

const NAME = "runner-relay";
const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
/** npm puts such folders into the PATH of what it starts. They are not in the PATH of another terminal. */
const OF_NPM = /[\\/]node_modules[\\/]\.bin[\\/]?$/;

let program: string = NAME;
let options: readonly string[] = [];

/** Tells how people call this program. Composition roots do so when they start. */
export function learnProgram(env: Environment): void {
  program = programIn(env["PATH"], isProgram, existsSync);
}

/** Tells with which options other commands reach what this process talks to. */
export function learnReach(reach: readonly string[]): void {
  options = reach;
}

/** The option that other commands need for this data folder; none for the one that they use by default. Pure, but for the entry of passwd. */
export function reachOf(dataDir: string, env: Environment): readonly string[] {
  return isDefault(dataDir, env) ? [] : ["--data", dataDir];
}

/** A command of this program, to be typed in a shell of this machine. Words are quoted where a shell needs it. */
export function ownCommand(...words: readonly string[]): string {
  return commandText({ program, options }, words);
}

/** The options stand in front of the first option or `--`, because what stands behind `--` belongs to another program. Pure. */
export function commandText(
  call: { program: string; options: readonly string[] },
  words: readonly string[],
): string {
  const first = words.findIndex((word) => word.startsWith("-"));
  const at = first === -1 ? words.length : first;
  return [call.program, ...words.slice(0, at), ...call.options, ...words.slice(at)].map(shellWord).join(" ");
}

/** The name, if a shell finds it; otherwise the path of the command in this clone or package. Pure. */
export function programIn(
  path: string | undefined,
  isThere: (file: string) => boolean,
  exists: (file: string) => boolean,
): string {
  const folders = (path ?? "").split(delimiter).filter((folder) => folder !== "" && !OF_NPM.test(folder));
  if (folders.some((folder) => isThere(join(folder, NAME)))) return NAME;
  const ofClone = join(ROOT, "bin", NAME);
  return exists(ofClone) ? ofClone : `${ofClone}.cjs`;
}

/** One word of a command line for a POSIX shell. Pure. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

function isDefault(dataDir: string, env: Environment): boolean {
  try {
    return dataDir === dataFolder(undefined, env);
  } catch {
    return false; // this user has no home folder
  }
}
