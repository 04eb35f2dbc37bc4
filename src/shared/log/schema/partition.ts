import { codedError } from "../../base/errors.ts";

/**
 * Partitions of a log, if nothing else was chosen when it was made. The number is part of every subject, so it can never change for an existing stream. One
 * consumer (shard) reads one partition by one filter: with several filters per consumer the broker's work per message grows five- to twentyfold (ADR 0009).
 */
export const DEFAULT_SHARDS = 8;
/** Most partitions of a log: each is a consumer at the broker, a checkpoint and a pull of every relay (ADR 0060). */
export const MOST_SHARDS = 64;
/** The number in the stream's metadata, if it is not {@link DEFAULT_SHARDS}. */
const FIELD = "runner_relay_shards";

const utf8 = new TextEncoder();

/**
 * Partition of a session, which is also its shard, in a log of `shardCount` of them: FNV-1a over its UTF-8 bytes with a final avalanche, so that ids differing at
 * the end spread evenly.
 */
export function shardOf(session: string, shardCount: number): number {
  let hash = 0x811c9dc5;
  for (const byte of utf8.encode(session)) hash = Math.imul(hash ^ byte, 0x01000193);
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  return (hash >>> 0) % shardCount;
}

/** All shards of a log. */
export function shardNumbers(shardCount: number): number[] {
  return Array.from({ length: shardCount }, (_, shard) => shard);
}

/**
 * A partition in subjects: `5`, or in a log that has not {@link DEFAULT_SHARDS} `64-5`. So a process that takes the log for one with another number of partitions
 * names subjects that its stream does not have, and cannot put a session's events where no relay looks for them.
 */
export function partitionToken(shard: number, shardCount: number): string {
  return shardCount === DEFAULT_SHARDS ? String(shard) : `${shardCount}-${shard}`;
}

/** The token of a session's partition. */
export function partitionOf(session: string, shardCount: number): string {
  return partitionToken(shardOf(session, shardCount), shardCount);
}

/** The stream's metadata for a number of partitions. */
export function shardMetadata(shardCount: number): Record<string, string> {
  return shardCount === DEFAULT_SHARDS ? {} : { [FIELD]: String(shardCount) };
}

/** The number of partitions of a stream, from its settings. Throws `schema_newer`: for a number that this version does not know. Pure. */
export function shardCountOf({ metadata }: { metadata?: Record<string, string> }): number {
  const text = metadata?.[FIELD];
  if (text === undefined) return DEFAULT_SHARDS;
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= MOST_SHARDS) return count;
  throw codedError(
    "schema_newer",
    `the log's metadata says ${FIELD}=${text}, which this version does not know`,
  );
}
