import { existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "../shared/base/logger.ts";
import { readPlain } from "./plain-file.ts";

/** Where nats-server keeps the streams of its one account, below the store folder. */
const STREAMS = "jetstream/$G/streams";
/** A record's head: four bytes of length, eight of number, eight of time, two for the length of the subject. */
const HEAD = 22;
const HAS_HEADERS = 0x8000_0000;
/** Marks in the upper half of a number. An erased message keeps its number; what has the other mark stands for a message elsewhere that was removed. */
const NUMBER = 0x3fff_ffff;
const REMOVED = 0x4000_0000;
/** A longer way from one number to the next is checked by the server. A stream whose old messages are replaced by new ones may have such a gap by right. */
const FAR = 1_000_000;
/** Most bytes of a stream's newest blocks that are read, which takes 20 to 40 ms. The server reads older blocks only when it needs a message from them. */
const MOST_BYTES: number = 64 * 1024 * 1024;

/** True if a block of messages has a record with an impossible length, or a number far beyond the one before it. Pure. */
export function misleads(block: Uint8Array): boolean {
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
  let last = Infinity;
  for (let at = 0; at < block.length;) {
    if (at + HEAD > block.length) return true;
    const length = view.getUint32(at, true) % HAS_HEADERS;
    if (length < HEAD || at + length > block.length) return true;
    const upper = view.getUint32(at + 8, true);
    if ((upper & REMOVED) === 0) {
      const number = (upper & NUMBER) * 2 ** 32 + view.getUint32(at + 4, true);
      if (number > last + FAR) return true;
      last = last === Infinity ? number : Math.max(last, number);
    }
    at += length;
  }
  return false;
}

/**
 * Removes the index of a stream with a misleading block, before a server starts. With an index, nats-server counts all numbers between the
 * two before it looks at the record's checksum, and one flipped bit costs it gigabytes of memory and minutes, or its life; a length that is wrong may leave the whole stream without an answer (2.15.1). Without one it checks each
 * record, and cuts the block off before a damaged one, as it does with every other damage. Throws the file system's errors.
 */
export function dropMisleadingIndexes(storeDir: string, log: Logger): void {
  const streams = join(storeDir, STREAMS);
  for (const stream of existsSync(streams) ? readdirSync(streams) : []) {
    const folder = join(streams, stream, "msgs");
    const index = join(folder, "index.db");
    if (!existsSync(index)) continue;
    const block = newestBlocks(folder).find((file) => {
      const found = readPlain(file);
      return found.kind === "file" && misleads(found.bytes);
    });
    if (block === undefined) continue;
    log.warn(
      { stream, block },
      "a block of messages is damaged; the stream's index is removed, so that the broker checks every message",
    );
    rmSync(index, { force: true, recursive: true });
  }
}

function newestBlocks(folder: string): string[] {
  const blocks = readdirSync(folder)
    .filter((name) => /^\d+\.blk$/.test(name))
    .sort((a, b) => Number.parseInt(b) - Number.parseInt(a))
    .map((name) => join(folder, name));
  let bytes = 0;
  return blocks.filter((file) => (bytes += statSync(file).size) <= MOST_BYTES);
}
