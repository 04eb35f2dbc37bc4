import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";

/** Longest file with a setting, a secret, or our own saved data. A device or a log that is named by mistake may be endless. */
const MOST_BYTES: number = 1024 * 1024;

/** Reads a short text file. It may be a pipe, because shells pass secrets that way. Throws if it cannot be read or is too long. */
export function readShortFileSync(path: string, most: number = MOST_BYTES): string {
  return readShort(openSync(path, "r"), most);
}

/** Reads a file of our own. Also throws if it is not a regular file, because reading a FIFO in its place would never end. */
export function readKeptFileSync(path: string, most: number = MOST_BYTES): string {
  const handle = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  if (fstatSync(handle).isFile()) return readShort(handle, most);
  closeSync(handle);
  throw notRegular(path);
}

function notRegular(path: string): Error {
  return Object.assign(new Error(`${path} is not a regular file`), { code: "EINVAL" });
}

function readShort(handle: number, most: number): string {
  try {
    const buffer = Buffer.alloc(most + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length <= most; length += read)
      read = readSync(handle, buffer, length, buffer.length - length, null);
    return textOf(buffer, length, most);
  } finally {
    closeSync(handle);
  }
}

/** The same, asynchronously. */
export async function readShortFile(path: string, most: number = MOST_BYTES): Promise<string> {
  await using handle = await open(path);
  return await readFrom(handle, most); // before the file is closed
}

/** As {@link readKeptFileSync}, asynchronously. */
export async function readKeptFile(path: string, most: number = MOST_BYTES): Promise<string> {
  await using handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  if (!(await handle.stat()).isFile()) throw notRegular(path);
  return await readFrom(handle, most); // before the file is closed
}

async function readFrom(handle: FileHandle, most: number): Promise<string> {
  const buffer = Buffer.alloc(most + 1);
  let length = 0;
  for (let read = -1; read !== 0 && length <= most; length += read)
    read = (await handle.read(buffer, length, buffer.length - length)).bytesRead;
  return textOf(buffer, length, most);
}

function textOf(buffer: Buffer, length: number, most: number): string {
  if (length > most)
    throw Object.assign(new Error(`the file is longer than ${most} bytes`), { code: "EFBIG" });
  return buffer.toString("utf8", 0, length);
}
