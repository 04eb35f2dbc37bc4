import { createHash } from "node:crypto";

// Which relay should serve which shard. Safety does not depend on it, because the broker's pin decides; so all that is asked of it is that relays agree, that shares are even, and that
// few shards change hands when a relay comes or goes: each hand-over delays a shard's sessions.

/** How much a relay wants a shard, as each of them computes it. */
function wish(relay: string, shard: number): number {
  return createHash("sha256").update(`${shard} ${relay}`).digest().readUIntBE(0, 6);
}

/**
 * The owner of each shard, by its number; none without relays. The strongest wish of all comes first, as long as its relay has less than its share: so most wishes are granted as before
 * when there is a relay more or less. Pure.
 */
export function sharesOf(relays: readonly string[], shardCount: number): readonly string[] {
  const least = Math.floor(shardCount / relays.length);
  let more = shardCount % relays.length;
  const counts = new Map<string, number>();
  const owners: string[] = [];
  const wishes = [...new Set(relays)].flatMap((relay) =>
    Array.from({ length: shardCount }, (_, shard) => ({ relay, shard, wish: wish(relay, shard) })),
  );
  for (const { relay, shard } of wishes.sort((a, b) => b.wish - a.wish || (a.relay < b.relay ? -1 : 1))) {
    const count = counts.get(relay) ?? 0;
    if (owners[shard] !== undefined || count > least || (count === least && more === 0)) continue;
    if (count === least) more--;
    counts.set(relay, count + 1);
    owners[shard] = relay;
  }
  return owners;
}

/** As relays of before share: the sorted relays take turns, so that nearly every shard changes hands when there is one more or less. Pure. */
export function turnsOf(relays: readonly string[], shardCount: number): readonly string[] {
  const sorted = [...relays].sort();
  return Array.from({ length: shardCount }, (_, shard) => sorted[shard % sorted.length] ?? "");
}
