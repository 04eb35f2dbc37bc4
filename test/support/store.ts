import { readdirSync, rmSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";

/** Folder of a stream in the store of a broker with a data folder of its own. */
function streamFolder(dataDir: string, stream: string): string {
  return join(dataDir, "broker/store/jetstream/$G/streams", stream);
}

/** Newest block of a stream's messages. */
function lastBlock(dataDir: string, stream: string): string {
  const folder = join(streamFolder(dataDir, stream), "msgs");
  const blocks = readdirSync(folder).filter((name) => name.endsWith(".blk"));
  const newest = blocks.sort((a, b) => Number.parseInt(a) - Number.parseInt(b)).at(-1);
  if (newest === undefined) throw new Error(`${folder} has no block`);
  return join(folder, newest);
}

/** As a power loss leaves it where writes are not synced: the last block keeps a share of its bytes, and there is no index. The broker must be down. */
export function loseEnd(dataDir: string, stream: string, keep: number): void {
  const block = lastBlock(dataDir, stream);
  truncateSync(block, Math.floor(statSync(block).size * keep));
  forgetIndex(dataDir, stream);
}

/** The broker reads the blocks themselves then. */
function forgetIndex(dataDir: string, stream: string): void {
  rmSync(join(streamFolder(dataDir, stream), "msgs/index.db"), { force: true });
}
