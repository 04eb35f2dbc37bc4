import { readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Folder of a stream in the store of a broker with a data folder of its own. */
export function streamFolder(dataDir: string, stream: string): string {
  return join(dataDir, "broker/store/jetstream/$G/streams", stream);
}

/** Blocks of a stream's messages, oldest first. */
export function blocksOf(dataDir: string, stream: string): string[] {
  const folder = join(streamFolder(dataDir, stream), "msgs");
  return readdirSync(folder)
    .filter((name) => name.endsWith(".blk"))
    .sort((a, b) => Number.parseInt(a) - Number.parseInt(b))
    .map((name) => join(folder, name));
}

/** As a power loss leaves it where writes are not synced: the last block keeps a share of its bytes, and there is no index. The broker must be down. */
export function loseEnd(dataDir: string, stream: string, keep: number): void {
  truncate(blocksOf(dataDir, stream).at(-1) ?? "", keep);
  forgetIndex(dataDir, stream);
}

/** The broker reads the blocks themselves then. */
export function forgetIndex(dataDir: string, stream: string): void {
  rmSync(join(streamFolder(dataDir, stream), "msgs/index.db"), { force: true });
}

/** Keeps a share of a file's bytes. */
export function truncate(file: string, keep: number): void {
  truncateSync(file, Math.floor(statSync(file).size * keep));
}

/** Turns some bits of one byte, at a share of the file's length. */
export function flip(file: string, at: number): void {
  const bytes = readFileSync(file);
  const i = Math.min(bytes.length - 1, Math.floor(bytes.length * at));
  if (i < 0) return;
  bytes[i] = (bytes[i] ?? 0) ^ 0x55;
  writeFileSync(file, bytes);
}

/** Where the parts of a record's head are that a block of messages is read by; the message and a checksum follow. */
const HEAD = { length: 0, number: 4, far: 7, time: 12, subject: 20 } as const;

/**
 * Flips a bit in the head of the record that holds the middle of a block. If it is the length, a broker that still has its index cannot read the block at
 * all, and one without loses what follows.
 */
export function flipHead(block: string, part: keyof typeof HEAD): void {
  const bytes = readFileSync(block);
  let at = 0;
  for (let next = 0; next < bytes.length / 2; next += bytes.readUInt32LE(next) & 0x7fffffff) at = next;
  const i = at + HEAD[part];
  if (i >= bytes.length) return;
  bytes[i] = (bytes[i] ?? 0) ^ 0x10;
  writeFileSync(block, bytes);
}
