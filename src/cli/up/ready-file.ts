import { accessSync, constants, lstatSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { codedError, errorText } from "../../shared/base/errors.ts";

/**
 * Refuses a path that is not a regular file: a device, a FIFO, a folder, or a link, because the link would be replaced and its target not written. Throws
 * `config_invalid`; nothing is changed.
 */
export function checkReadyFile(file: string): void {
  const problem = problemOf(file);
  if (problem !== undefined)
    throw codedError("config_invalid", `RUNNER_RELAY_READY_FILE (--ready-file): ${file}: ${problem}`);
}

function problemOf(file: string): string | undefined {
  try {
    const there = lstatSync(file, { throwIfNoEntry: false });
    if (there?.isSymbolicLink() === true) return "is a link; name the file itself";
    if (there !== undefined && !there.isFile()) return "is not a regular file";
    const folder = dirname(file);
    if (!statSync(folder).isDirectory()) return "its parent is not a folder";
    accessSync(folder, constants.W_OK);
    return undefined;
  } catch (error) {
    return errorText(error);
  }
}
