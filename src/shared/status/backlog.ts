import type { JetStreamManager } from "@nats-io/jetstream";
import { decodeHeld } from "../held.ts";
import { SHARDS } from "../partition.ts";
import { sessionFilter } from "../subjects.ts";
import { consumerName, EVENTS_STREAM, stateKey } from "../topology.ts";
import { readStates } from "../state-store.ts";

/** What waits in the log. */
export type Backlog = {
  /** Events that no relay has settled, held ones included. */
  events: number;
  shards: { shard: number; pending: number; inFlight: number; ackFloor: number }[];
  held: { session: string; reason: string; text: string; since: number; from: number; events: number }[];
};

/** Reads the backlog: consumers say what waits, held sessions are counted by subject from where they stand. */
export async function readBacklog(jsm: JetStreamManager): Promise<Backlog> {
  const shards = await Promise.all(
    Array.from({ length: SHARDS }, async (_, shard) => {
      const info = await jsm.consumers.info(EVENTS_STREAM, consumerName(shard));
      return {
        shard,
        pending: info.num_pending,
        inFlight: info.num_ack_pending,
        ackFloor: info.ack_floor.stream_seq,
      };
    }),
  );
  const held = await Promise.all(
    [...(await readStates(jsm, stateKey.held("*"))).values()].map(async ({ value }) => {
      const { session, reason, text, since, from } = decodeHeld(value);
      return { session, reason, text, since, from, events: await countFrom(jsm, session, from) };
    }),
  );
  const events = [
    ...shards.map(({ pending, inFlight }) => pending + inFlight),
    ...held.map((session) => session.events),
  ].reduce((sum, n) => sum + n, 0);
  return { events, shards, held };
}

/** Messages of a session from a sequence on: the first one says how many follow. */
async function countFrom(jsm: JetStreamManager, session: string, from: number): Promise<number> {
  const found = await jsm.direct.getBatch(EVENTS_STREAM, {
    seq: Math.max(1, from),
    next_by_subj: sessionFilter(session),
    batch: 1,
  });
  try {
    for await (const message of found) return message.pending + 1;
  } catch {
    // 404: none is left
  }
  return 0;
}
