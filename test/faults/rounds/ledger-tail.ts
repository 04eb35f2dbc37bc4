import { closeSync, openSync, readSync } from "node:fs";
import { entryOf, type LedgerEntry } from "../../support/coordinator.ts";

const CHUNK_BYTES = 1024 ** 2;

/** Reads a ledger file that grows: each call returns what came since the last one, without a line that is half written. */
export function tailLedger(file: string): (this: void) => LedgerEntry[] {
  let position = 0;
  let rest = Buffer.alloc(0);
  return () => {
    const fd = openSync(file, "r");
    try {
      for (const chunk = Buffer.alloc(CHUNK_BYTES); ;) {
        const read = readSync(fd, chunk, 0, CHUNK_BYTES, position);
        if (read === 0) break;
        position += read;
        rest = Buffer.concat([rest, chunk.subarray(0, read)]);
      }
    } finally {
      closeSync(fd);
    }
    const end = rest.lastIndexOf("\n") + 1;
    const lines = rest.subarray(0, end).toString().split("\n");
    rest = rest.subarray(end);
    return lines.filter((line) => line !== "").flatMap(entryOf);
  };
}
