import type { JetStreamManager } from "@nats-io/jetstream";
import { readHeld, type HeldRecord } from "../../log/state/held.ts";
import { shardNumbers } from "../../log/schema/partition.ts";
import { readShardCount } from "../../log/state/read-shard-count.ts";
import { sessionFilter } from "../../log/schema/subjects.ts";
import { consumerName, EVENTS_STREAM } from "../../log/schema/topology.ts";
import { walk } from "../../log/follow/walk.ts";

/** The pending events in the log. */
export type Backlog = {
  /** Unsettled events, including those of the held sessions that are listed. */
  events: number;
  shards: { shard: number; pending: number; inFlight: number; ackFloor: number }[];
  /** At most 1,000. */
  held: { session: string; reason: string; text: string; since: number; from: number; events: number }[];
  /** The number of held sessions. If it exceeds the listed ones, `events` is too small. */
  heldSessions: number;
  /** The lowest sequence that is still needed: an unsettled event has it or a higher one. Missing if everything is settled. */
  firstNeeded?: number;
};

/** Most held sessions that are listed and counted. Each costs a request of about 0.5 ms. */
const MOST_HELD = 1000;
/** Concurrent questions. */
const AT_ONCE = 32;

/** Reads the backlog: the consumers report pending events, and those of held sessions are counted by subject, from their positions. */
export async function readBacklog(jsm: JetStreamManager): Promise<Backlog> {
  const shardCount = await readShardCount(jsm);
  const shards = await Promise.all(
    shardNumbers(shardCount).map(async (shard) => {
      const info = await jsm.consumers.info(EVENTS_STREAM, consumerName(shard));
      return {
        shard,
        pending: info.num_pending,
        inFlight: info.num_ack_pending,
        ackFloor: info.ack_floor.stream_seq,
      };
    }),
  );
  const records = [...(await readHeld(jsm)).values()];
  const held = await countAll(jsm, records.sort(heldByWeight).slice(0, MOST_HELD), shardCount);
  const events = [
    ...shards.map(({ pending, inFlight }) => pending + inFlight),
    ...held.map((session) => session.events),
  ].reduce((sum, n) => sum + n, 0);
  return { events, shards, held, heldSessions: records.length, ...firstNeeded(shards, records) };
}

/** Over all held sessions, also those that are not listed: a backup that begins above one of them loses its events. Pure. */
export function firstNeeded(
  shards: readonly Pick<Backlog["shards"][number], "pending" | "inFlight" | "ackFloor">[],
  held: Iterable<Pick<HeldRecord, "from">>,
): Pick<Backlog, "firstNeeded"> {
  let lowest = Infinity;
  for (const { pending, inFlight, ackFloor } of shards)
    if (pending + inFlight > 0) lowest = Math.min(lowest, ackFloor + 1);
  for (const { from } of held) lowest = Math.min(lowest, from);
  return lowest === Infinity ? {} : { firstNeeded: lowest };
}

/** Sessions that are held because of their backlog come first, then those that wait longest for an operator. */
export function heldByWeight(a: HeldRecord, b: HeldRecord): number {
  return Number(b.reason === "backlog") - Number(a.reason === "backlog") || a.since - b.since;
}

async function countAll(
  jsm: JetStreamManager,
  records: readonly HeldRecord[],
  shardCount: number,
): Promise<Backlog["held"]> {
  const counted: Backlog["held"] = [];
  const next = records.entries();
  const worker = async (): Promise<void> => {
    for (const [i, { session, reason, text, since, from }] of next)
      counted[i] = {
        session,
        reason,
        text,
        since,
        from,
        events: await countFrom(jsm, sessionFilter(session, shardCount), from),
      };
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return counted;
}

/** Counts the messages that match a filter from a sequence on. The first one tells how many follow. */
export async function countFrom(jsm: JetStreamManager, filter: string, from: number): Promise<number> {
  for await (const { pending } of walk(jsm, EVENTS_STREAM, filter, Math.max(1, from), 1)) return pending + 1;
  return 0;
}
