import type { NatsConnection } from "@nats-io/nats-core";
import { JetStreamApiError, type JetStreamManager } from "@nats-io/jetstream";
import { acksCount } from "../state/checkpoint.ts";
import { recordDamage, type Damage } from "../state/damage.ts";
import type { LogCheck } from "../state/log-check.ts";
import { stampMs } from "../state/log-end.ts";
import { askLeader } from "../follow/leader.ts";
import { CONSUMER_NOT_FOUND } from "./mend.ts";
import { consumerName, EVENTS_STREAM, shardSubjects } from "../schema/topology.ts";
import type { ShardStart } from "./checkpoints.ts";

/** The oldest event of a shard that was acknowledged and is not settled in its checkpoint. `at`: when the newest acknowledged event was stored. */
export type Forgotten = { shard: number; seq: number; at: number };

/**
 * Finds out whether the state bucket lost its newest records. Then older checkpoints are in their place, and pointers of sessions that were held since then
 * may be missing. The consumers are kept elsewhere and still know those events as acknowledged. After a start of the broker their acks are not believed
 * ({@link acksCount}), so nothing is lost: relays deliver again from the checkpoint. A kill of the broker leaves the same traces, for at most a quarter of a
 * second. It costs one question for each shard of an earlier process, and one more where something was found. Records and returns what is surely lost.
 */
export async function findForgotten(
  { nc, jsm, wall }: { nc: NatsConnection; jsm: JetStreamManager; wall: () => number },
  starts: readonly ShardStart[],
  { log, rememberedAt, checkpoints }: Pick<LogCheck, "log" | "rememberedAt" | "checkpoints">,
  changes: string[],
): Promise<Damage[]> {
  const broker = nc.info?.server_id;
  const asked = starts.filter(({ shard }) => !acksCount(checkpoints[shard]?.checkpoint, broker));
  const found = await Promise.all(asked.map((start) => forgottenOf(jsm, start, checkpoints.length)));
  const forgotten = found.filter((it) => it !== undefined);
  for (const { shard, seq } of forgotten)
    changes.push(
      `shard ${shard} goes back to sequence ${seq}: more was acknowledged than its checkpoint knows`,
    );
  const lost = lostState(forgotten, { created: log.created, newestAt: rememberedAt, now: wall() });
  if (lost === undefined) return [];
  await recordDamage(nc, lost);
  return [lost];
}

async function forgottenOf(
  jsm: JetStreamManager,
  { shard, floor, restart }: ShardStart,
  shardCount: number,
): Promise<Forgotten | undefined> {
  if (restart) return undefined;
  const acked = await ackFloor(jsm, consumerName(shard));
  if (acked <= floor) return undefined;
  const [filter = ""] = shardSubjects(shard, shardCount);
  const message = await askLeader(jsm, EVENTS_STREAM, { seq: floor + 1, next_by_subj: filter });
  if (message === null || message.seq > acked) return undefined; // the ack floor also passes over events of other shards
  const last = await askLeader(jsm, EVENTS_STREAM, { seq: acked });
  return { shard, seq: message.seq, at: stampMs((last ?? message).timestamp) };
}

async function ackFloor(jsm: JetStreamManager, name: string): Promise<number> {
  try {
    return (await jsm.consumers.info(EVENTS_STREAM, name)).ack_floor.stream_seq;
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === CONSUMER_NOT_FOUND) return 0;
    throw error;
  }
}

/** While events come, relays write checkpoints and the mark at least once a second. So they had also written down what was acknowledged this much later. */
const LATE_MS = 2000;

/** What was surely lost, and not only not written yet: events that were acknowledged well after the bucket's newest record. Pure. */
export function lostState(
  forgotten: readonly Forgotten[],
  { created, newestAt, now }: { created: string; newestAt: number; now: number },
): Damage | undefined {
  const late = forgotten.filter(({ at }) => at > newestAt + LATE_MS);
  if (late.length === 0) return undefined;
  const first = Math.min(...late.map(({ seq }) => seq));
  const since = new Date(newestAt).toISOString();
  return {
    v: 1,
    id: `${Date.parse(created)}-state-${first}-${newestAt}`,
    code: "state_damaged",
    at: now,
    missing: late.length,
    ranges: [],
    settled: 0,
    sessions: [],
    note: `checkpoints, written after ${since}: events from ${first} on come again, with their keys; what operators paused, parked or superseded since is forgotten`,
  };
}
