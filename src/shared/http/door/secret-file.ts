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

/** The file with the token of the status page, in a data folder. */
export const PAGE_TOKEN_FILE = "page-token";
/** The file with the token of `up`'s stand-in coordinator, in its data folder. */
export const COORDINATOR_KEY_FILE = "coordinator-key";
/** The file with the key of `up`'s sessions server, in its data folder. */
export const SESSIONS_KEY_FILE = "sessions.key";

/** The file with the hashes of the keys of agents' hooks, in a data folder. */
export const HOOK_KEYS_FILE = "hooks.keys";

/** 256 bits, which cannot be guessed. */
const MADE_BYTES = 32;
const OTHERS = 0o077;

/** Makes a secret that cannot be guessed, in a form that is valid in headers, addresses and files. */
export function newSecret(): string {
  return randomBytes(MADE_BYTES).toString("base64url");
}

/**
 * Reads a secret from a file in a folder, and makes it (0600) if there is none. A secret that others may have read, that is not ours or that is damaged
 * is replaced, because it no longer protects anything. Processes that make it at the same time all get the same one. Throws `data_unusable`.
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
 * Writes a new secret into a file atomically, also in a power loss. Returns the secret that is in the file afterwards, which is another process's if that
 * was faster. A file in which `read` finds no secret is replaced. Throws the file system's errors.
 */
export function placeSecret(
  folder: string,
  name: string,
  made: string,
  read: (file: string) => string | undefined,
): string {
  const file = join(folder, name);
  const draft = `${file}.${randomBytes(6).toString("hex")}`;
  try {
    writeFileSync(draft, `${made}\n`, { mode: 0o600, flag: "wx", flush: true });
    try {
      linkSync(draft, file); // fails if another process was faster
    } catch {
      // or if the file contains no secret, or the file system has no links
      if (read(file) === undefined) renameSync(draft, file);
    }
  } finally {
    rmSync(draft, { force: true });
  }
  return read(file) ?? made;
}

/** Undefined if there is no secret that can be trusted. Throws the file system's error if the file exists and cannot be read. */
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
