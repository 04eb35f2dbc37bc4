import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { codedError, errorText } from "../shared/errors.ts";
import { makeOwnFolder } from "../shared/own-folder.ts";

/**
 * Takes the data folder for this process, and makes it (0700) if needed. nats-server takes no lock of its own: a second one on the same
 * store starts and writes.
 *
 * The lock is SQLite's exclusive lock on an empty database, which is a POSIX record lock: the kernel decides between two
 * simultaneous starters and drops it with the process, kill -9 included; there is nothing stale to clean up. Node has no `flock`.
 *
 * Throws `data_locked` if another process holds it, `data_unusable` if the folder cannot be made or written.
 * Returns the release.
 */
export function lockFolder(folder: string): () => void {
  const owner = join(folder, "lock.owner");
  let database: DatabaseSync | undefined;
  try {
    makeOwnFolder(folder);
    closeSync(openSync(join(folder, "lock"), "a", 0o600)); // who can read it can lock it
    database = new DatabaseSync(join(folder, "lock"));
    database.exec("PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE");
    writeFileSync(owner, `${process.pid}\n`, { mode: 0o600 });
  } catch (cause) {
    database?.close();
    if (isBusy(cause)) {
      throw codedError("data_locked", `${folder} is used by ${holder(owner)}`, { cause });
    }
    throw codedError("data_unusable", `${folder}: ${errorText(cause)}`, { cause });
  }
  const held = database;
  return () => held.close();
}

/** SQLITE_BUSY is 5; the extended codes keep it in the low byte. */
function isBusy(error: unknown): boolean {
  return (
    error instanceof Error &&
    "errcode" in error &&
    typeof error.errcode === "number" &&
    (error.errcode & 0xff) === 5
  );
}

/** For people only: the owner file survives a crash, the lock does not. */
function holder(ownerFile: string): string {
  try {
    return `process ${readFileSync(ownerFile, "utf8").trim()}`;
  } catch {
    return "another process";
  }
}
