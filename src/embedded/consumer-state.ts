import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "../shared/base/logger.ts";
import { EVENTS_STREAM } from "../shared/log/schema/topology.ts";
import { readPlain } from "./plain-file.ts";

/** Where nats-server keeps the consumers of the log, below the store folder. */
const CONSUMERS = `jetstream/$G/streams/${EVENTS_STREAM}/obs`;
/** Those of our shards; others are somebody else's. */
const OURS = /^relay-\d+$/;
/** First byte of nats-server's state files, and the versions that it reads (2.15). */
const MAGIC = 22;
const VERSIONS: ReadonlySet<number | undefined> = new Set([1, 2]);

/**
 * Would nats-server read this as the state of a consumer (`o.dat`)? It is a head of two bytes, then varints: two floors, two positions, and what is
 * on its way. A file that it cannot read keeps the consumer away, and any other of its name. An empty one counts as none. Pure.
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
  skip(1); // a time
  for (let i = 0; i < pending && at !== undefined; i++) skip(bytes[1] === 2 ? 3 : 2);
  return at !== undefined;
}

/**
 * Removes consumers of the log that nats-server could not read, before it starts: they are made anew from the checkpoints, which know what is
 * settled. Throws what the file system does.
 */
export function dropUnreadableConsumers(storeDir: string, log: Logger): void {
  const consumers = join(storeDir, CONSUMERS);
  for (const name of existsSync(consumers) ? readdirSync(consumers) : []) {
    if (!OURS.test(name)) continue;
    const folder = join(consumers, name);
    if (isReadable(folder)) continue;
    log.warn(
      { code: "consumer_damaged", consumer: name, folder },
      "state of a consumer cannot be read: it is removed, and made anew from the checkpoint",
    );
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A FIFO in the place of one of its files would keep the server waiting. */
function isReadable(folder: string): boolean {
  const [state, ...others] = ["o.dat", "meta.inf", "meta.sum"].map((name) => readPlain(join(folder, name)));
  if (others.some(({ kind }) => kind === "something_else")) return false;
  return state?.kind === "file" ? isConsumerState(state.bytes) : state?.kind === "missing";
}

/** Where the varint that begins here ends; undefined where the bytes end first, or where it is longer than 64 bits. */
function endOfVarint(bytes: Uint8Array, from: number): number | undefined {
  for (let at = from; at < from + 10; at++) {
    const byte = bytes[at];
    if (byte === undefined) return undefined;
    if (byte < 0x80) return at + 1;
  }
  return undefined;
}

/** Its value; above 2^53 only the size counts. */
function varintAt(bytes: Uint8Array, from: number): number {
  let value = 0;
  for (let at = from, scale = 1; ; at++, scale *= 128) {
    const byte = bytes[at] ?? 0;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return value;
  }
}
