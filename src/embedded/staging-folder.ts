import { createHash } from "node:crypto";
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, join, resolve } from "node:path";
import type { StagingFolder } from "./staging-place.ts";

/** The file system in memory that every Linux has. */
export const MEMORY = "/dev/shm";
const OTHERS = 0o077;
/** In each folder, beside the batches: whose it is. */
const NOTE = ".of";

/** Which data folder a folder in memory is for, and by which mounts its path is meant: another container may have the same memory, and other folders. */
type Note = { mounts: string; dataDir: string };

/** What the names of this user's folders begin with. */
const PREFIX = `runner-relay-${process.getuid?.() ?? 0}-`;

/** The folder in memory for a data folder: no two have the same, also in containers that share the memory. */
export function stagingFolder(dataDir: string, memory: string = MEMORY): string {
  const { dev, ino } = statSync(dataDir);
  return join(memory, nameOf(dev, ino));
}

function nameOf(dev: number, ino: number): string {
  return PREFIX + createHash("sha256").update(`${dev}:${ino}`).digest("hex").slice(0, 16);
}

/** Makes it, with a note for later starts. */
export function makeStagingFolder(folder: string, dataDir: string): void {
  mkdirSync(folder, { mode: 0o700 });
  const mounts = ownMounts();
  if (mounts === undefined) return;
  const note: Note = { mounts, dataDir: resolve(dataDir) };
  writeFileSync(join(folder, NOTE), JSON.stringify(note), { mode: 0o600 });
}

export function folderAt(folder: string): StagingFolder {
  const found = lstatSync(folder, { throwIfNoEntry: false });
  if (found === undefined) return "missing";
  const own = found.isDirectory() && found.uid === process.getuid?.() && (found.mode & OTHERS) === 0;
  return own ? "own" : "foreign";
}

export function removeOwn(folder: string): void {
  try {
    if (folder !== "" && folderAt(folder) === "own")
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  } catch {
    // what stays is looked at by the next start
  }
}

/**
 * Removes the folders of this user's data folders that are gone: a broker that was killed leaves its folder, and no start follows if its data folder was removed. Never throws.
 */
export function removeForgotten(memory: string): void {
  const mounts = ownMounts();
  if (mounts === undefined) return;
  try {
    for (const name of readdirSync(memory)) {
      const folder = join(memory, name);
      if (name.startsWith(PREFIX) && folderAt(folder) === "own" && isForgotten(folder, mounts))
        removeOwn(folder);
    }
  } catch {
    // this start needs none of it
  }
}

/** Without a note, or with one by other mounts, nobody can tell. */
function isForgotten(folder: string, mounts: string): boolean {
  try {
    const note = JSON.parse(readFileSync(join(folder, NOTE), "utf8")) as Partial<Note> | null;
    if (note?.mounts !== mounts || typeof note.dataDir !== "string") return false;
    const there = statSync(note.dataDir, { throwIfNoEntry: false });
    return there === undefined || nameOf(there.dev, there.ino) !== basename(folder);
  } catch {
    return false;
  }
}

/** The mounts that this process sees. Undefined where nothing names them. */
function ownMounts(): string | undefined {
  try {
    return readlinkSync("/proc/self/ns/mnt");
  } catch {
    return undefined;
  }
}
