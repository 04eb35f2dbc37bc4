import type { KV } from "@nats-io/kv";
import { shardNumbers } from "../../shared/log/schema/partition.ts";
import { createCheckpointStore } from "./checkpoint-store.ts";
import { createShard, type Shard, type ShardDeps } from "./shard.ts";

/** All shards of the log, by their number. `created`: when the stream was made, as the broker says it. */
export function createShards(
  deps: Omit<ShardDeps, "shard" | "checkpoints"> & { kv: KV; created: string; shardCount: number },
): readonly Shard[] {
  const { nc, kv, created: stream } = deps;
  return shardNumbers(deps.shardCount).map((shard) =>
    createShard({ ...deps, shard, checkpoints: createCheckpointStore({ nc, kv, shard, stream }) }),
  );
}

/** The shard of that number. Throws a `RangeError` if there is none. */
export function shardIn(shards: readonly Shard[], shard: number): Shard {
  const found = shards[shard];
  if (found === undefined) throw new RangeError(`no shard ${shard}`);
  return found;
}
