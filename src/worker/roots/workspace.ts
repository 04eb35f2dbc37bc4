import { existsSync, lstatSync, realpathSync } from "node:fs";
import { dirname, isAbsolute, join, relative } from "node:path";
import { makeOwnFolder } from "../../shared/base/own-folder.ts";
import { errorText } from "../../shared/base/errors.ts";
import { userFolder } from "../../shared/base/user-folder.ts";
import type { Session } from "../../shared/session-log/registry/entry.ts";
import type { Root } from "./root.ts";

/** The folder of a session, and the root that it lies in. */
export type Workspace = { root: Root; folder: string };

/** What came of opening a workspace. `code` fails the turn. */
export type Opened =
  | { kind: "open" }
  | { kind: "refused"; code: "workspace_refused" | "workspace_unusable"; why: string };

/** Where a session works: in the folder that it names, or in one of its own below the first root. Undefined if it names one that lies in no root. Pure. */
export function workspaceOf(
  { name, user, record }: Pick<Session, "name" | "user" | "record">,
  roots: readonly Root[],
): Workspace | undefined {
  const { workspace_dir: named } = record;
  const [first] = roots;
  if (typeof named !== "string")
    return first && { root: first, folder: join(first.path, userFolder(user), name) };
  if (!isAbsolute(named)) return undefined;
  for (const root of roots) {
    for (const base of [root.path, root.named]) {
      const below = relative(base, named);
      if (below !== ".." && !below.startsWith("../") && !isAbsolute(below))
        return { root, folder: join(root.path, below) };
    }
  }
  return undefined;
}

/** Makes the folder where it is missing, but not the root. Below the root there must be no link: its target may be another user's folder by now. */
export function openWorkspace({ root, folder }: Workspace): Opened {
  try {
    if (!existsSync(root.path)) throw new Error(`${root.path} is missing; it was removed or moved away`);
    const there = nearestFolder(folder);
    if (realpathSync(there) !== there)
      return { kind: "refused", code: "workspace_refused", why: `a link leads away from ${folder}` };
    makeOwnFolder(folder);
    return { kind: "open" };
  } catch (error) {
    return { kind: "refused", code: "workspace_unusable", why: errorText(error) };
  }
}

/** The folder itself, or the nearest one above it that exists. */
function nearestFolder(folder: string): string {
  if (lstatSync(folder, { throwIfNoEntry: false }) !== undefined || dirname(folder) === folder) return folder;
  return nearestFolder(dirname(folder));
}
