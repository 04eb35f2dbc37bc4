import type { JetStreamManager } from "@nats-io/jetstream";
import { acksCount, decodeCheckpoint } from "../shared/log/state/checkpoint.ts";
import { readHeld } from "../shared/log/state/held.ts";
import { shardOf, SHARDS } from "../shared/log/schema/partition.ts";
import { sessionToken } from "../shared/log/schema/session-id.ts";
import { Settled } from "../shared/log/state/settled.ts";
import { readState } from "../shared/log/state/state-store.ts";
import { consumerName, EVENTS_STREAM, stateKey } from "../shared/log/schema/topology.ts";

/** Whether an event of a session has ended: delivered, superseded or dead. False: it still waits, as far as is known here. */
export type IsSettled = (session: string, seq: number) => boolean;

/**
 * What is settled, as of now. A checkpoint may be a second old where the broker's acknowledgements know better, and those know nothing of what
 * lies above them, so both are asked, if `broker`, the id of its process, says that they count. Events of held sessions are acknowledged but not settled.
 */
export async function readSettlement(jsm: JetStreamManager, broker?: string): Promise<IsSettled> {
  const { created } = await jsm.streams.info(EVENTS_STREAM);
  const shards = await Promise.all(
    Array.from({ length: SHARDS }, async (_, shard) => {
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
    if (!(shards[shardOf(session)]?.has(seq) ?? false)) return false;
    const pointer = held.size === 0 ? undefined : held.get(stateKey.held(sessionToken(session)));
    return pointer === undefined || seq < pointer.from;
  };
}

/** Events that wait at the relays' consumers, acknowledged by nobody. */
export async function readWaiting(jsm: JetStreamManager): Promise<number> {
  const shards = await Promise.all(
    Array.from({ length: SHARDS }, (_, shard) => jsm.consumers.info(EVENTS_STREAM, consumerName(shard))),
  );
  return shards.reduce((sum, { num_pending, num_ack_pending }) => sum + num_pending + num_ack_pending, 0);
}
