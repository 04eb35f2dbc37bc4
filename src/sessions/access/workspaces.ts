import { lstat, realpath } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { isForAll, type Caller, type Refusal } from "./caller.ts";
import { meantFolder, recordedFolder, type WorkspaceRoot } from "./workspace-path.ts";

/** Decides in which folder a session works. */
export type Workspaces = {
  /** The folder for a new session of `user`, who asks for one or leaves it to the worker (undefined). */
  choose(caller: Caller, user: string, asked: string | undefined): Promise<string | undefined | Refusal>;
};

/** The folders below the roots. The worker checks again, because links may change until a turn starts. */
export function createWorkspaces(roots: readonly WorkspaceRoot[]): Workspaces {
  return {
    async choose(caller, user, asked) {
      if (asked === undefined) return undefined;
      const meant = meantFolder(asked, user, roots);
      if (typeof meant !== "string") return meant;
      return recordedFolder(await withoutLinks(meant), { user, forAll: isForAll(caller), roots });
    },
  };
}

/** The roots as this machine has them. */
export async function openWorkspaceRoots(named: readonly string[]): Promise<WorkspaceRoot[]> {
  return await Promise.all(
    named.map(async (it) => ({ named: resolve(it), real: await withoutLinks(resolve(it)) })),
  );
}

/**
 * The path with all links resolved, as far as it exists here and may be read. A link to nothing leads outside: what it names may be made later.
 */
async function withoutLinks(path: string): Promise<string> {
  let rest = "";
  for (let at = path; ; at = dirname(at)) {
    try {
      return join(await realpath(at), rest);
    } catch {
      if (at === dirname(at)) return path;
      if (await isLink(at)) return "/";
      rest = join(basename(at), rest);
    }
  }
}

async function isLink(path: string): Promise<boolean> {
  return await lstat(path).then(
    (it) => it.isSymbolicLink(),
    () => false,
  );
}
