import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "../shared/base/logger.ts";
import { EVENTS_STREAM } from "../shared/log/schema/topology.ts";
import { readPlain, type PlainFile } from "./plain-file.ts";
import { sealOf } from "./stream-meta.ts";

/** Where nats-server keeps the consumers of the log, below the store folder. */
const CONSUMERS = `jetstream/$G/streams/${EVENTS_STREAM}/obs`;
/** The names of our shards' consumers. Others are not ours. */
const OURS = /^relay-\d+$/;
/** First byte of nats-server's state files, and the versions that it reads (2.15). */
const MAGIC = 22;
const VERSIONS: ReadonlySet<number | undefined> = new Set([1, 2]);

/**
 * True if nats-server can read this as the state of a consumer (`o.dat`): two bytes of head, then varints for two floors, two positions, and the messages
 * in transit. If it cannot read the file, the consumer does not start, and no other one of its name can be created. An empty file counts as none. Pure.
 */
export function isConsumerState(bytes: Uint8Array): boolean {
  if (bytes.length === 0) return true;
  if (bytes[0] !== MAGIC || !VERSIONS.has(bytes[1])) return false;
  let at: number | undefined = 2;
  const skip = (count: number): void => {
    for (let i = 0; i < count && at !== undefined; i++) at = endOfVarint(bytes, at);
  };
  skip(4);
  if (at === undefined) return false;
  const pending = varintAt(bytes, at);
  skip(1);
  if (at === undefined || pending === 0) return true;
  skip(1); // the time
  for (let i = 0; i < pending && at !== undefined; i++) skip(bytes[1] === 2 ? 3 : 2);
  return at !== undefined;
}

/**
 * Removes consumers of the log that nats-server could not read, or would read as something else than it wrote, before it starts. They are created again from
 * the checkpoints, which know what is settled. Throws the file system's errors.
 */
export function dropUnreadableConsumers(storeDir: string, log: Logger): void {
  const consumers = join(storeDir, CONSUMERS);
  for (const name of existsSync(consumers) ? readdirSync(consumers) : []) {
    if (!OURS.test(name)) continue;
    const folder = join(consumers, name);
    if (isWhole(name, folder)) continue;
    log.warn(
      { code: "consumer_damaged", consumer: name, folder },
      "the files of a consumer are damaged; the consumer is removed and created again from the checkpoint",
    );
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * True if the consumer's files are as nats-server wrote them. It does not look at a consumer's seal (2.15.1): one that was made for other events, or otherwise,
 * would run, and one with a word that the server does not know would keep the whole log shut. A FIFO in place of a file would block the server.
 */
function isWhole(name: string, folder: string): boolean {
  const read = (file: string): PlainFile => readPlain(join(folder, file));
  const [state, meta, sum] = [read("o.dat"), read("meta.inf"), read("meta.sum")];
  if (meta.kind !== "file" || sum.kind !== "file") return false;
  if (sum.bytes.toString("latin1").trim() !== sealOf(`${EVENTS_STREAM}/${name}`, meta.bytes)) return false;
  return state.kind === "file" ? isConsumerState(state.bytes) : state.kind === "missing";
}

/** The end of the varint that begins here. Undefined if the bytes end first, or if it is longer than 64 bits. */
function endOfVarint(bytes: Uint8Array, from: number): number | undefined {
  for (let at = from; at < from + 10; at++) {
    const byte = bytes[at];
    if (byte === undefined) return undefined;
    if (byte < 0x80) return at + 1;
  }
  return undefined;
}

/** The value of a varint. Above 2^53 it is not exact. */
function varintAt(bytes: Uint8Array, from: number): number {
  let value = 0;
  for (let at = from, scale = 1; ; at++, scale *= 128) {
    const byte = bytes[at] ?? 0;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return value;
  }
}
