import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";

/** What is in the place of a file of the store. */
export type PlainFile = { kind: "file"; bytes: Buffer } | { kind: "missing" } | { kind: "something_else" };

/** Reads a file of the store; reading a FIFO in its place would never return. Throws what the file system does where it cannot be read. */
export function readPlain(file: string): PlainFile {
  let handle: number;
  try {
    handle = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR"))
      return { kind: "missing" };
    throw error;
  }
  try {
    return fstatSync(handle).isFile()
      ? { kind: "file", bytes: readFileSync(handle) }
      : { kind: "something_else" };
  } finally {
    closeSync(handle);
  }
}
