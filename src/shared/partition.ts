/** Fixed number of partitions of the log; part of every subject, so it can never change for an existing stream. */
export const PARTITIONS = 64;
/** Consumers that share the partitions; each takes {@link PARTITIONS_PER_SHARD} neighbours. */
export const SHARDS = 8;
export const PARTITIONS_PER_SHARD: number = PARTITIONS / SHARDS;

const utf8 = new TextEncoder();

/** Partition of a session: FNV-1a over its UTF-8 bytes with a final avalanche, so that ids differing at the end spread evenly. */
export function partitionOf(session: string): number {
  let hash = 0x811c9dc5;
  for (const byte of utf8.encode(session)) hash = Math.imul(hash ^ byte, 0x01000193);
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  return (hash >>> 0) % PARTITIONS;
}

/** Shard (consumer) that reads a partition. */
export function shardOf(partition: number): number {
  return Math.floor(partition / PARTITIONS_PER_SHARD);
}

/** Partitions that a shard reads. */
export function partitionsOf(shard: number): number[] {
  return Array.from({ length: PARTITIONS_PER_SHARD }, (_, i) => shard * PARTITIONS_PER_SHARD + i);
}
