import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { open } from "node:fs/promises";

/** Longest file of a setting, of a secret, or of what we keep: a device or a log that is named by mistake may have no end. */
const MOST_BYTES: number = 1024 * 1024;

/** Text of a file that is short. Throws what reading throws, and for a longer one. May be a pipe, as shells name them for secrets. */
export function readShortFileSync(path: string, most: number = MOST_BYTES): string {
  return readShort(openSync(path, "r"), most);
}

/** Text of a file that we keep ourselves. Throws for what is no plain file as well: nobody would ever write into a FIFO that stands in its place. */
export function readKeptFileSync(path: string, most: number = MOST_BYTES): string {
  const handle = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  if (fstatSync(handle).isFile()) return readShort(handle, most);
  closeSync(handle);
  throw Object.assign(new Error(`${path} is no plain file`), { code: "EINVAL" });
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

/** The same without waiting for the file system. */
export async function readShortFile(path: string, most: number = MOST_BYTES): Promise<string> {
  await using handle = await open(path);
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
