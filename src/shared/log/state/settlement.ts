import type { JetStreamManager } from "@nats-io/jetstream";
import { acksCount, decodeCheckpoint } from "./checkpoint.ts";
import { readHeld } from "./held.ts";
import { shardCountOf, shardNumbers, shardOf } from "../schema/partition.ts";
import { sessionToken } from "../schema/session-id.ts";
import { Settled } from "./settled.ts";
import { readShardCount } from "./read-shard-count.ts";
import { readState } from "./state-store.ts";
import { consumerName, EVENTS_STREAM, stateKey } from "../schema/topology.ts";

/** True if an event of a session is settled: delivered, superseded or dead. False: it is pending, as far as is known here. */
export type IsSettled = (session: string, seq: number) => boolean;

/**
 * Reads what is settled now. A checkpoint may be a second old, while the broker's acknowledgements are current but cover only a part, so both are
 * read. The acknowledgements count only if `broker`, the id of the broker's process, matches. Events of held sessions are acknowledged but not settled.
 */
export async function readSettlement(jsm: JetStreamManager, broker?: string): Promise<IsSettled> {
  const { created, config } = await jsm.streams.info(EVENTS_STREAM);
  const shardCount = shardCountOf(config);
  const shards = await Promise.all(
    shardNumbers(shardCount).map(async (shard) => {
      const [stored, consumer] = await Promise.all([
        readState(jsm, stateKey.checkpoint(shard)),
        jsm.consumers.info(EVENTS_STREAM, consumerName(shard)),
      ]);
      const checkpoint = stored && decodeCheckpoint(stored.value);
      const settled = new Settled(acksCount(checkpoint, broker) ? consumer.ack_floor.stream_seq : 0);
      if (checkpoint?.stream === created)
        settled.merge({ floor: checkpoint.floor, snapshot: checkpoint.settled });
      return settled;
    }),
  );
  const held = await readHeld(jsm);
  return (session, seq) => {
    if (!(shards[shardOf(session, shardCount)]?.has(seq) ?? false)) return false;
    const pointer = held.size === 0 ? undefined : held.get(stateKey.held(sessionToken(session)));
    return pointer === undefined || seq < pointer.from;
  };
}

/** Events at the relays' consumers that are not acknowledged yet. */
export async function readWaiting(jsm: JetStreamManager): Promise<number> {
  const shards = await Promise.all(
    shardNumbers(await readShardCount(jsm)).map((shard) =>
      jsm.consumers.info(EVENTS_STREAM, consumerName(shard)),
    ),
  );
  return shards.reduce((sum, { num_pending, num_ack_pending }) => sum + num_pending + num_ack_pending, 0);
}
