import type { JetStreamManager } from "@nats-io/jetstream";
import { shardCountOf } from "../schema/partition.ts";
import { EVENTS_STREAM } from "../schema/topology.ts";

/** The number of the log's partitions, which are its shards. Throws the broker's errors, and `schema_newer`. */
export async function readShardCount(jsm: JetStreamManager): Promise<number> {
  return shardCountOf((await jsm.streams.info(EVENTS_STREAM)).config);
}
