import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  fstatSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { codedError, errorText } from "../../base/errors.ts";
import { secretProblem } from "./secret.ts";
import { makeOwnFolder } from "../../base/own-folder.ts";

/** The token of the status page, in a data folder. */
export const PAGE_TOKEN_FILE = "page-token";
/** What the stand-in coordinator of `up` asks for, in its data folder. */
export const COORDINATOR_KEY_FILE = "coordinator-key";

/** 256 bits: no number of guesses gets anywhere. */
const MADE_BYTES = 32;
const OTHERS = 0o077;

/** A secret that nobody guesses, as it may stand in headers, addresses and files. */
export function newSecret(): string {
  return randomBytes(MADE_BYTES).toString("base64url");
}

/**
 * The secret that a folder keeps in a file of that name; made (0600) if there is none. One that others may have read, or that is not ours, or
 * damaged, is replaced: it protects nothing any more. Of several processes that make it at once, all get the same. Throws `data_unusable`.
 */
export function keepSecret(folder: string, name: string): string {
  const file = join(folder, name);
  try {
    return readSecret(file) ?? placeSecret(folder, name, newSecret(), readSecret);
  } catch (cause) {
    throw codedError("data_unusable", `${file}: ${errorText(cause)}`, { cause });
  }
}

/**
 * Puts a new secret into a file, whole or not at all, also through a power loss; returns the one that is there afterwards, which is another process's if
 * that was faster. What `read` finds no secret in is replaced. Throws what the file system does.
 */
export function placeSecret(
  folder: string,
  name: string,
  made: string,
  read: (file: string) => string | undefined,
): string {
  const file = join(folder, name);
  makeOwnFolder(folder);
  const draft = `${file}.${randomBytes(6).toString("hex")}`;
  try {
    writeFileSync(draft, `${made}\n`, { mode: 0o600, flag: "wx", flush: true });
    try {
      linkSync(draft, file); // fails if somebody was faster
    } catch {
      // or where something is that is no secret, or the file system has no links
      if (read(file) === undefined) renameSync(draft, file);
    }
  } finally {
    rmSync(draft, { force: true });
  }
  return read(file) ?? made;
}

/** Undefined if there is none that can be trusted. Throws what the file system does where it is there and cannot be read. */
export function readSecret(file: string): string | undefined {
  let handle: number;
  try {
    handle = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (["ENOENT", "ELOOP", "ENOTDIR"].includes(codeOf(error) ?? "")) return undefined;
    throw error;
  }
  try {
    const { mode, uid } = fstatSync(handle);
    const own = process.getuid === undefined || uid === process.getuid() || process.getuid() === 0;
    if (!own || (mode & OTHERS) !== 0 || (mode & constants.S_IFMT) !== constants.S_IFREG) return undefined;
    const secret = readFileSync(handle, "utf8").trimEnd();
    return secretProblem(secret) === undefined ? secret : undefined;
  } finally {
    closeSync(handle);
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
