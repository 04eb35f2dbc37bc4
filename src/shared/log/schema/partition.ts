/**
 * Fixed number of partitions of the log; part of every subject, so it can never change for an existing stream. One consumer (shard)
 * reads one partition by one filter: with several filters per consumer the broker's work per message grows five- to twentyfold (ADR 0009).
 */
export const SHARDS = 8;

const utf8 = new TextEncoder();

/** Partition of a session, which is also its shard: FNV-1a over its UTF-8 bytes with a final avalanche, so that ids differing at the end spread evenly. */
export function shardOf(session: string): number {
  let hash = 0x811c9dc5;
  for (const byte of utf8.encode(session)) hash = Math.imul(hash ^ byte, 0x01000193);
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  return (hash >>> 0) % SHARDS;
}
