import { constants } from "node:fs";
import { mkdir, open, readdir, readlink, realpath, type FileHandle } from "node:fs/promises";
import { basename, dirname, join, relative, resolve, sep } from "node:path";

/** A path that leads out of the workspace, or to something that is no file of it. */
class RefusedPath extends Error {}

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants;

/**
 * Opens a file of the workspace, and no other. Its folder is resolved and opened first, and the file is opened in that open folder without following a link: a program that swaps a folder
 * or a file for a link meanwhile gains nothing. (Where the system has no /proc, the folder is looked at once more behind the opening.) Throws an error for anything else.
 */
export async function openConfined(workspace: string, path: string, flags: number): Promise<FileHandle> {
  const target = resolve(workspace, path);
  const root = await realpath(workspace);
  const folder = await openFolder(root, dirname(target), path);
  try {
    const inFolder = process.platform === "linux" ? `/proc/self/fd/${folder.handle.fd}` : folder.path;
    const file = await open(join(inFolder, basename(target)), flags | O_NOFOLLOW | O_NONBLOCK, 0o644).catch(
      (error: NodeJS.ErrnoException) => {
        if (error.code === "ELOOP") throw new RefusedPath(`${path} is a link`);
        throw error;
      },
    );
    const isFile = (await file.stat()).isFile();
    const isThere = process.platform === "linux" || (await realpath(dirname(target))) === folder.path;
    if (isFile && isThere) return file;
    await file.close();
    throw new RefusedPath(`${path} is no file of the workspace`);
  } finally {
    await folder.handle.close();
  }
}

/** Makes the folders above a file, each below the workspace. */
export async function makeFoldersFor(workspace: string, path: string): Promise<void> {
  const root = await realpath(workspace);
  let at = root;
  for (const name of relative(workspace, dirname(resolve(workspace, path))).split(sep)) {
    if (name === "") continue;
    const parent = await openFolder(root, at, path);
    try {
      const inParent = process.platform === "linux" ? `/proc/self/fd/${parent.handle.fd}` : parent.path;
      await mkdir(join(inParent, name)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== "EEXIST") throw error;
      });
    } finally {
      await parent.handle.close();
    }
    at = join(at, name);
  }
}

/** Names in a folder of the workspace, those of folders with a slash. */
export async function listConfined(workspace: string, path: string): Promise<string[]> {
  const root = await realpath(workspace);
  const folder = await openFolder(root, resolve(workspace, path), path);
  try {
    const at = process.platform === "linux" ? `/proc/self/fd/${folder.handle.fd}` : folder.path;
    const entries = await readdir(at, { withFileTypes: true });
    return entries.map((it) => (it.isDirectory() ? `${it.name}/` : it.name)).sort();
  } finally {
    await folder.handle.close();
  }
}

/** Opens a folder after resolving links, if it is the workspace or below it. */
async function openFolder(
  root: string,
  at: string,
  path: string,
): Promise<{ handle: FileHandle; path: string }> {
  const real = await realpath(at);
  if (!isWithin(root, real)) throw new RefusedPath(`${path} is outside of the workspace`);
  const handle = await open(real, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  const opened = process.platform === "linux" ? await readlink(`/proc/self/fd/${handle.fd}`) : real;
  if (isWithin(root, opened)) return { handle, path: opened };
  await handle.close();
  throw new RefusedPath(`${path} is outside of the workspace`);
}

function isWithin(root: string, path: string): boolean {
  return path === root || path.startsWith(root.endsWith(sep) ? root : root + sep);
}
