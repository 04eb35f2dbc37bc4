import { createHash } from "node:crypto";
import { mkdirSync, realpathSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { codedError, errorText } from "../../shared/base/errors.ts";

/** A folder that holds workspaces. */
export type Root = {
  /** Without links. */
  path: string;
  /** As it was named. */
  named: string;
  /** The same in every process of this machine that has this folder, by whatever path: of machine, device and inode. */
  id: string;
  /** The same for a folder that took its place: of machine and path. Device numbers may change when a machine starts again. */
  place: string;
};

/** Opens the folders that were named, and makes those that are missing, but not the folders above them: a disk that is not mounted is not replaced. Throws `config_invalid`. */
export function openRoots(named: readonly string[], machine: string): Root[] {
  return named.map((it) => openRoot(resolve(it), machine));
}

function openRoot(named: string, machine: string): Root {
  try {
    makeLastFolder(named);
    const path = realpathSync(named);
    const { dev, ino } = statSync(path, { bigint: true });
    return {
      path,
      named,
      id: nameOf([machine, String(dev), String(ino)]),
      place: nameOf([machine, path]),
    };
  } catch (cause) {
    const text = `RUNNER_RELAY_WORKSPACE_ROOT: ${named} cannot be used: ${errorText(cause)}`;
    throw codedError("config_invalid", text, { cause });
  }
}

function makeLastFolder(folder: string): void {
  if (statSync(folder, { throwIfNoEntry: false }) === undefined) mkdirSync(folder, { mode: 0o700 });
}

/** A name that tells nothing of the machine to those who read it in the log. Pure. */
function nameOf(parts: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("base64url").slice(0, 22);
}
