import { constants } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { listConfined, makeFoldersFor, openConfined } from "./confined.ts";

const { O_RDONLY, O_RDWR, O_CREAT, O_WRONLY } = constants;

/** Largest file that is read or changed, bytes: the model could not take more. */
const MAX_FILE: number = 1024 * 1024;

/** Reads a text of the workspace. */
export async function readText(workspace: string, path: string): Promise<string> {
  const file = await openConfined(workspace, path, O_RDONLY);
  try {
    return await textOf(file, path);
  } finally {
    await file.close();
  }
}

/** Writes a text of the workspace, and makes the folders above it. */
export async function writeText(workspace: string, path: string, content: string): Promise<string> {
  await makeFoldersFor(workspace, path);
  const file = await openConfined(workspace, path, O_WRONLY | O_CREAT);
  try {
    await file.truncate(0);
    await file.writeFile(content);
    return `wrote ${Buffer.byteLength(content)} bytes to ${path}`;
  } finally {
    await file.close();
  }
}

/** Puts `next` in the place of `old`, which must stand in the file exactly once. */
export async function editText(
  workspace: string,
  path: string,
  { old, next }: { old: string; next: string },
): Promise<string> {
  const file = await openConfined(workspace, path, O_RDWR);
  try {
    const parts = (await textOf(file, path)).split(old);
    if (old === "" || parts.length !== 2)
      throw new Error(
        `old_text stands ${old === "" ? "everywhere" : `${parts.length - 1} times`} in ${path}, not once`,
      );
    const bytes = Buffer.from(parts.join(next));
    await file.truncate(0);
    await file.write(bytes, 0, bytes.length, 0);
    return `changed ${path}`;
  } finally {
    await file.close();
  }
}

export async function listFolder(workspace: string, path: string): Promise<string> {
  const names = await listConfined(workspace, path);
  return names.length === 0 ? "(empty)" : names.join("\n");
}

async function textOf(file: FileHandle, path: string): Promise<string> {
  const { size } = await file.stat();
  if (size > MAX_FILE) throw new Error(`${path} has ${size} bytes; at most ${MAX_FILE} are read`);
  return await file.readFile("utf8");
}
