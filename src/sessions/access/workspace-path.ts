import { isAbsolute, join, relative, resolve, sep } from "node:path";
import { userFolder } from "../../shared/base/user-folder.ts";
import { refuse, type Refusal } from "./caller.ts";

/** A root of workspaces: as it was named, and without links. The two are the same on a machine that does not have it. */
export type WorkspaceRoot = { named: string; real: string };

/** Longest path that is recorded. Linux takes 4096 bytes, and what is kept of a session must fit into 2 KiB. */
const MOST_BYTES = 1024;

const OUTSIDE = refuse("workspace_refused", "workspace_dir is not a folder that this credential may use");

/** The folder that a request means. Relative paths are below the user's own folder in the first root. `~` and variables are not expanded. Pure. */
export function meantFolder(asked: string, user: string, roots: readonly WorkspaceRoot[]): string | Refusal {
  if (/[\u0000-\u001f\u007f]/.test(asked) || !asked.isWellFormed() || Buffer.byteLength(asked) > MOST_BYTES)
    return refuse("field_invalid", `workspace_dir must be a path of at most ${MOST_BYTES} bytes`);
  const [first] = roots;
  if (first === undefined && !isAbsolute(asked)) return OUTSIDE;
  return resolve(join(first?.named ?? sep, userFolder(user)), asked);
}

/**
 * The folder that is recorded: `folder`, which has no links, as a path below the root as it was named. Users have the folder of their name in each root;
 * callers that may act for all users have all folders below one. The root itself belongs to nobody. Pure.
 */
export function recordedFolder(
  folder: string,
  { user, forAll, roots }: { user: string; forAll: boolean; roots: readonly WorkspaceRoot[] },
): string | Refusal {
  for (const { named, real } of roots) {
    const below = relative(real, folder);
    if (below === "" || isAbsolute(below) || below.split(sep)[0] === "..") continue;
    if (forAll || below.split(sep)[0] === userFolder(user)) return join(named, below);
  }
  return OUTSIDE;
}
