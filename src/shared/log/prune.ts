import {
  jetstreamManager,
  JetStreamApiError,
  type ConsumerInfo,
  type JetStreamManager,
  type StreamInfo,
} from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { acksCount, decodeCheckpoint } from "./state/checkpoint.ts";
import type { Clock } from "../base/clock.ts";
import { codedError } from "../base/errors.ts";
import { readHeld } from "./state/held.ts";
import { isIdle } from "./state/idle.ts";
import { checkLog, shortenedText } from "./state/log-check.ts";
import { shardCountOf, shardNumbers } from "./schema/partition.ts";
import { consumerName, EVENTS_STREAM, shardSubjects, STATE_STREAM, stateKey } from "./schema/topology.ts";
import { askLeader } from "./follow/leader.ts";
import { encodePruned } from "./state/pruned.ts";
import { putState, readState } from "./state/state-store.ts";

/** How often in a row a leader may know less than was written, an election long. */
const LOOKS = 50;
const BETWEEN_LOOKS_MS = 200;

/** What is known of one shard. */
type ShardProgress = {
  /** From its checkpoint, if that belongs to this log. */
  floor: number | undefined;
  /** All its events up to the log's end are settled (idle.ts). */
  idle: boolean;
};

/** What a prune decides from. */
export type PruneFacts = {
  /** First sequence in the log. */
  firstSeq: number;
  /** The log's last sequence, read before anything else: it counts for idle shards. */
  lastSeq: number;
  shards: readonly ShardProgress[];
  /** First unsettled sequence of every held session, read after the shards. */
  heldFrom: readonly number[];
  /** First sequence that is younger than the retention; undefined if none is. */
  keepFrom: number | undefined;
};

/**
 * Sequence below which everything may be removed (docs/contract.md, "The log"): never above the lowest unsettled or held one, because the broker
 * removes unacknowledged messages silently. Equal to `firstSeq` or less: nothing is due. Pure.
 */
export function pruneBelow(facts: PruneFacts): number {
  const settledTo = facts.shards.map((shard) => (shard.idle ? facts.lastSeq : (shard.floor ?? 0)));
  return Math.min(
    ...settledTo.map((floor) => Math.min(floor, facts.lastSeq) + 1),
    ...facts.heldFrom,
    facts.keepFrom ?? facts.lastSeq + 1,
  );
}

export type Pruned = { removed: number; below: number };

/**
 * Removes what is settled and older than the retention. `nc` is the prune user's connection. The order of the reads matters: the log's
 * end, then the consumers and checkpoints, then the held sessions, whose record is durable before their events are acknowledged.
 */
export async function runPrune(
  nc: NatsConnection,
  options: { retentionMs: number; clock: Clock; dryRun?: boolean },
): Promise<Pruned> {
  const jsm = await jetstreamManager(nc, { checkAPI: false, timeout: 10_000 });
  const { end, log } = await checkLog(jsm);
  if (end.kind === "shortened")
    throw codedError("log_shortened", `${shortenedText(end)}; nothing is pruned before \`provision\``);
  const { first_seq: firstSeq, last_seq: lastSeq } = log.state;
  if (log.state.messages === 0) return { removed: 0, below: firstSeq };
  const shards = await Promise.all(
    shardNumbers(shardCountOf(log.config)).map((shard) => progressOf({ nc, jsm }, shard, log)),
  );
  if (log.config.num_replicas > 1) await passLeader(nc, jsm, log.created);
  const held = await readHeld(jsm);
  const oldest = new Date(options.clock.wall() - options.retentionMs);
  const young = await askLeader(jsm, EVENTS_STREAM, { start_time: oldest });
  const below = pruneBelow({
    firstSeq,
    lastSeq,
    shards,
    heldFrom: [...held.values()].map(({ from }) => from),
    keepFrom: young?.seq,
  });
  if (below <= firstSeq) return { removed: 0, below };
  if (options.dryRun) return { removed: below - firstSeq, below };
  await putState(nc, stateKey.pruned, encodePruned({ created: log.created, below })); // first: what is gone otherwise is an alarm
  const { purged } = await jsm.streams.purge(EVENTS_STREAM, { seq: below });
  return { removed: purged, below };
}

/**
 * A bucket's leader that does not know yet that there is another one could still name no held sessions, while the consumers' leaders know that their events are
 * acknowledged. What is written passes by the real one. So the record of the last prune is written again, and what is read after that must not be older.
 */
async function passLeader(nc: NatsConnection, jsm: JetStreamManager, created: string): Promise<void> {
  const stored = await readState(jsm, stateKey.pruned);
  const revision = await putState(nc, stateKey.pruned, stored?.value ?? encodePruned({ created, below: 0 }));
  for (let look = 1; (await jsm.streams.info(STATE_STREAM)).state.last_seq < revision; look++) {
    if (look === LOOKS) throw new Error(`the leader of ${STATE_STREAM} is behind; nothing is pruned`);
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_LOOKS_MS));
  }
}

async function progressOf(
  { nc, jsm }: { nc: NatsConnection; jsm: JetStreamManager },
  shard: number,
  log: StreamInfo,
): Promise<ShardProgress> {
  const { created, state } = log;
  const [consumer, stored] = await Promise.all([
    consumerInfo(jsm, shard),
    readState(jsm, stateKey.checkpoint(shard)),
  ]);
  const checkpoint = stored === undefined ? undefined : decodeCheckpoint(stored.value);
  const floor = checkpoint?.stream === created ? checkpoint.floor : undefined;
  const known = {
    floor: floor ?? 0,
    firstSeq: state.first_seq,
    acksCount: acksCount(checkpoint, nc.info?.server_id),
  };
  if (consumer === undefined || !isIdle(consumer, known)) return { floor, idle: false };
  const next = await notDelivered(jsm, log, {
    shard,
    after: Math.max(known.floor, consumer.delivered.stream_seq),
  });
  return next === undefined ? { floor, idle: true } : { floor: next - 1, idle: false };
}

/**
 * The shard's first event above one that was delivered, for the log's leader: a consumer's leader whose own copy of the log is behind says that nothing
 * is pending. Undefined for none, and for a log on one server.
 */
async function notDelivered(
  jsm: JetStreamManager,
  { config }: StreamInfo,
  { shard, after }: { shard: number; after: number },
): Promise<number | undefined> {
  if (config.num_replicas === 1) return undefined;
  const [subject = ""] = shardSubjects(shard, shardCountOf(config));
  return (await askLeader(jsm, EVENTS_STREAM, { seq: after + 1, next_by_subj: subject }))?.seq;
}

async function consumerInfo(jsm: JetStreamManager, shard: number): Promise<ConsumerInfo | undefined> {
  try {
    return await jsm.consumers.info(EVENTS_STREAM, consumerName(shard));
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === 10014) return undefined;
    throw error;
  }
}
