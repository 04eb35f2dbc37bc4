import { closeSync, lstatSync, openSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { replaceFile } from "../shared/base/atomic-file.ts";
import { codedError, errorText } from "../shared/base/errors.ts";
import { makeOwnFolder } from "../shared/base/own-folder.ts";
import { readKeptFileSync } from "../shared/base/short-file.ts";

/** The lock file and the files that SQLite opens beside it. Opening a FIFO in their place would never return. */
const LOCK_FILES = ["lock", "lock-journal", "lock-wal"];

/**
 * Locks the data folder for this process, and makes it (0700) if needed. nats-server itself takes no lock, so a second one on the same store would start
 * and write.
 *
 * The lock is SQLite's exclusive lock on an empty database, which is a POSIX record lock. The kernel decides between two simultaneous starts, and releases
 * the lock when the process ends, even after kill -9, so there are no stale locks. Node has no `flock`.
 *
 * Returns a function that releases the lock. Throws `data_locked` if another process holds it, and `data_unusable` if the folder cannot be made or written,
 * or if the lock file is not ours.
 */
export function lockFolder(folder: string): () => void {
  const owner = join(folder, "lock.owner");
  let database: DatabaseSync | undefined;
  try {
    makeOwnFolder(folder);
    for (const name of LOCK_FILES) checkPlain(join(folder, name));
    closeSync(openSync(join(folder, "lock"), "a", 0o600)); // any user who can read the file could lock it
    database = new DatabaseSync(join(folder, "lock"));
    database.exec("PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE");
    replaceFile(owner, `${process.pid}\n`);
  } catch (cause) {
    database?.close();
    if (isBusy(cause)) {
      const text = `runner-relay already runs with the data folder ${folder} (${holder(owner)}); stop it, or choose another folder with --data (RUNNER_RELAY_DATA)`;
      throw codedError("data_locked", text, { cause });
    }
    throw codedError("data_unusable", `${folder}: ${whyNot(cause)}`, { cause });
  }
  const held = database;
  return () => held.close();
}

function checkPlain(file: string): void {
  if (lstatSync(file, { throwIfNoEntry: false })?.isFile() === false)
    throw new Error(`${file} is not a regular file; remove it`);
}

function whyNot(error: unknown): string {
  return sqliteCode(error) === 26 ? "its file `lock` is not a valid lock file; remove it" : errorText(error); // SQLITE_NOTADB
}

function isBusy(error: unknown): boolean {
  return sqliteCode(error) === 5; // SQLITE_BUSY
}

/** SQLite's primary error code, which is the low byte of the extended one. */
function sqliteCode(error: unknown): number | undefined {
  return error instanceof Error && "errcode" in error && typeof error.errcode === "number"
    ? error.errcode & 0xff
    : undefined;
}

/** Names the process that holds the lock. This is only a hint, because the owner file survives a crash and the lock does not. */
function holder(ownerFile: string): string {
  try {
    return `process ${readKeptFileSync(ownerFile).trim()}`;
  } catch {
    return "another process";
  }
}
