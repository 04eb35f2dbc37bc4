import { closeSync, lstatSync, openSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { replaceFile } from "../shared/base/atomic-file.ts";
import { codedError, errorText } from "../shared/base/errors.ts";
import { makeOwnFolder } from "../shared/base/own-folder.ts";
import { readKeptFileSync } from "../shared/base/short-file.ts";

/** The lock and what SQLite looks at beside it: opening a FIFO there would never return. */
const LOCK_FILES = ["lock", "lock-journal", "lock-wal"];

/**
 * Takes the data folder for this process, and makes it (0700) if needed. nats-server takes no lock of its own: a second one on the same
 * store starts and writes.
 *
 * The lock is SQLite's exclusive lock on an empty database, which is a POSIX record lock: the kernel decides between two
 * simultaneous starters and drops it with the process, kill -9 included; there is nothing stale to clean up. Node has no `flock`.
 *
 * Throws `data_locked` if another process holds it, `data_unusable` if the folder cannot be made or written, or if something that is no lock
 * of ours stands in its place.
 * Returns the release.
 */
export function lockFolder(folder: string): () => void {
  const owner = join(folder, "lock.owner");
  let database: DatabaseSync | undefined;
  try {
    makeOwnFolder(folder);
    for (const name of LOCK_FILES) checkPlain(join(folder, name));
    closeSync(openSync(join(folder, "lock"), "a", 0o600)); // every user who can read the file can lock it
    database = new DatabaseSync(join(folder, "lock"));
    database.exec("PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE");
    replaceFile(owner, `${process.pid}\n`);
  } catch (cause) {
    database?.close();
    if (isBusy(cause)) {
      throw codedError("data_locked", `${folder} is used by ${holder(owner)}`, { cause });
    }
    throw codedError("data_unusable", `${folder}: ${whyNot(cause)}`, { cause });
  }
  const held = database;
  return () => held.close();
}

function checkPlain(file: string): void {
  if (lstatSync(file, { throwIfNoEntry: false })?.isFile() === false)
    throw new Error(`${file} is no plain file: remove it`);
}

function whyNot(error: unknown): string {
  return sqliteCode(error) === 26 ? "its file `lock` is no lock: remove it" : errorText(error); // SQLITE_NOTADB
}

function isBusy(error: unknown): boolean {
  return sqliteCode(error) === 5; // SQLITE_BUSY
}

/** The extended codes keep it in the low byte. */
function sqliteCode(error: unknown): number | undefined {
  return error instanceof Error && "errcode" in error && typeof error.errcode === "number"
    ? error.errcode & 0xff
    : undefined;
}

/** For people only: the owner file survives a crash, the lock does not. */
function holder(ownerFile: string): string {
  try {
    return `process ${readKeptFileSync(ownerFile).trim()}`;
  } catch {
    return "another process";
  }
}
