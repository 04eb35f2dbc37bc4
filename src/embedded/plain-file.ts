import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";

/** What is at the path of a file of the store. */
export type PlainFile = { kind: "file"; bytes: Buffer } | { kind: "missing" } | { kind: "something_else" };

/** Reads a file of the store, but not a FIFO in its place, because that would never return. Throws the file system's error if it cannot be read. */
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
