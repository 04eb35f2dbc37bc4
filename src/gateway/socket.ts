import { randomBytes } from "node:crypto";
import { linkSync, lstatSync, renameSync, rmSync, statSync, type Stats } from "node:fs";
import { connect } from "node:net";
import { dirname, join, resolve } from "node:path";
import { codedError, errorText, isCoded } from "../shared/base/errors.ts";
import { makeOwnFolder } from "../shared/base/own-folder.ts";

/** Longest path of a socket in bytes, without the NUL: `sun_path` has 108 on Linux, 104 on macOS and BSD. */
export const MOST_PATH_BYTES: number = process.platform === "linux" ? 107 : 103;
/** Bytes of the temporary name under which the socket is bound: `.` and 8 letters. */
const DRAFT_BYTES = 4;
/** Time limit for connecting to a socket. A listener on this machine answers within microseconds; the connection even completes if its process is stopped. */
const PROBE_MS = 1000;

const OTHERS_WRITE = 0o022;
const STICKY = 0o1000;

/**
 * Opens a Unix socket that only its user can connect to (0600). It is bound under a temporary name and then linked to its own. So it is not visible
 * before it listens, and when the server closes, the system removes the temporary name and not the real one, which may belong to another process by
 * then. `listen` must bind before it returns. Returns a function that removes the socket if it is still ours. Throws `socket_unusable`.
 */
export async function openSocket(path: string, listen: (path: string) => Promise<void>): Promise<() => void> {
  const place = resolve(path);
  const draft = join(dirname(place), `.${randomBytes(DRAFT_BYTES).toString("hex")}`);
  checkLength(path, Math.max(Buffer.byteLength(place), Buffer.byteLength(draft)));
  return translated(path, async () => {
    const stale = await checkPlace(place);
    try {
      await bindPrivate(draft, listen);
      const { ino } = lstatSync(draft);
      if (stale !== undefined) removeStale(place, stale);
      linkSync(draft, place); // fails if another process was faster
      return () => {
        if (statOf(place)?.ino === ino) rmSync(place, { force: true });
      };
    } finally {
      rmSync(draft, { force: true });
    }
  });
}

/** Removes a stale socket. Another process that found it too may have replaced it meanwhile; in that case the new one is put back. */
function removeStale(place: string, stale: number): void {
  const aside = join(dirname(place), `.${randomBytes(DRAFT_BYTES).toString("hex")}`);
  renameSync(place, aside);
  try {
    if (lstatSync(aside).ino === stale) return;
    linkSync(aside, place);
    throw unusable(place, "another process is listening there");
  } finally {
    rmSync(aside, { force: true });
  }
}

/** Sets the permissions by the umask while the socket is bound, in the same turn. Between a bind and a chmod, others could connect. */
function bindPrivate(path: string, listen: (path: string) => Promise<void>): Promise<void> {
  const before = process.umask(0o177);
  try {
    return listen(path);
  } finally {
    process.umask(before);
  }
}

function checkLength(path: string, bytes: number): void {
  if (bytes <= MOST_PATH_BYTES) return;
  throw unusable(path, `a socket path has at most ${MOST_PATH_BYTES} bytes, this one has ${bytes}`);
}

/**
 * Makes the folder if it is missing. Refuses a place where others could put their own socket, and a path that is in use. Returns the inode of a
 * stale socket, on which no process listens.
 */
async function checkPlace(place: string): Promise<number | undefined> {
  const folder = dirname(place);
  makeOwnFolder(folder);
  const { uid, mode } = statSync(folder);
  const us = process.getuid?.();
  if (us !== undefined && uid !== us && uid !== 0)
    throw unusable(place, `${folder} belongs to another user, who could replace it`);
  if ((mode & OTHERS_WRITE) !== 0 && (mode & STICKY) === 0)
    throw unusable(place, `others may write in ${folder} and could replace it: chmod go-w`);
  const there = statOf(place);
  if (there === undefined) return undefined;
  if (!there.isSocket()) throw unusable(place, "the path exists and is not a socket");
  if (await answers(place)) throw unusable(place, "another process is listening there");
  return there.ino;
}

/** True if a process listens on the socket. Only a refused connection means that none does; after any other failure it may be in use. */
function answers(path: string): Promise<boolean> {
  return new Promise((found, failed) => {
    const socket = connect(path);
    socket.setTimeout(PROBE_MS, () => done(() => found(true)));
    socket.once("connect", () => done(() => found(true)));
    socket.once("error", (error: NodeJS.ErrnoException) => {
      done(() => (error.code === "ECONNREFUSED" || error.code === "ENOENT" ? found(false) : failed(error)));
    });
    function done(then: () => void): void {
      socket.destroy();
      then();
    }
  });
}

function statOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

async function translated<T>(path: string, run: () => T | Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    if (isCoded(cause)) throw cause;
    throw unusable(path, errorText(cause), cause);
  }
}

function unusable(path: string, why: string, cause?: unknown): Error {
  return codedError("socket_unusable", `${path}: ${why}`, cause === undefined ? undefined : { cause });
}
