import { JetStreamApiError, type ConsumerInfo, type JetStreamManager } from "@nats-io/jetstream";
import { codedError } from "../../base/errors.ts";
import { readHeld } from "../state/held.ts";
import { shardOf } from "../schema/partition.ts";
import { EVENTS_STREAM, LEAST_ACK_PENDING, MAX_ACK_PENDING } from "../schema/topology.ts";
import type { ShardStart } from "./checkpoints.ts";
import { compareConsumer } from "./differences.ts";
import { ackPendingLimit, ackPendingNote } from "./limits.ts";
import { CONSUMER_NOT_FOUND, deleteConsumer } from "./mend.ts";
import { consumerPlan, type ConsumerPlan } from "./streams.ts";

/** What was done, and which settings the broker's limits made smaller, for people. */
export type Telling = { changes: string[]; limits: Set<string> };

/** The broker's codes if another process made the consumer meanwhile, from a newer checkpoint. */
const CONSUMER_EXISTS: readonly number[] = [10148, 10105, 10013, 10012];

/** A shard's consumer, made from its checkpoint, or widened to what the broker allows. Throws `stream_differs`, `consumer_damaged`. */
export async function ensureConsumer(
  jsm: JetStreamManager,
  start: ShardStart,
  shardCount: number,
  telling: Telling,
): Promise<void> {
  const plan = consumerPlan(start.shard, shardCount);
  const name = plan.durable_name;
  if (start.restart) await deleteConsumer(jsm, name);
  const first = await firstSeq(jsm, start, shardCount);
  try {
    const info = await jsm.consumers.info(EVENTS_STREAM, name);
    await verify(jsm, plan, info, telling);
    if ((info.config.opt_start_seq ?? 1) <= first) return;
    await deleteConsumer(jsm, name); // the checkpoint or a pointer is older than this consumer, which never goes back behind its own start
  } catch (error) {
    if (!(error instanceof JetStreamApiError) || error.code !== CONSUMER_NOT_FOUND) throw error;
  }
  try {
    await withinLimit(telling, MAX_ACK_PENDING, (max) =>
      jsm.consumers.add(EVENTS_STREAM, { ...plan, max_ack_pending: max, opt_start_seq: first }),
    );
    telling.changes.push(`consumer ${name} created from sequence ${first}`);
  } catch (error) {
    if (!(error instanceof JetStreamApiError) || !CONSUMER_EXISTS.includes(error.code)) throw error;
    await verify(jsm, plan, await foundConsumer(jsm, name, error), telling);
  }
}

/**
 * Where a consumer starts: behind what is settled, but at a held session's next event at the latest. Events of held sessions are acknowledged when they come.
 * If the consumer skipped them, nothing might come at all; a shard that delivers nothing has no owner, and the session would never be released.
 */
async function firstSeq(
  jsm: JetStreamManager,
  { shard, floor }: ShardStart,
  shardCount: number,
): Promise<number> {
  const records = [...(await readHeld(jsm)).values()];
  const held = records.filter(({ session }) => shardOf(session, shardCount) === shard);
  return Math.max(1, Math.min(floor + 1, ...held.map(({ from }) => from)));
}

/** Asks for as many unacknowledged messages as we want, and if that is refused for as many as the broker allows. */
async function withinLimit(
  telling: Telling,
  wanted: number,
  ask: (maxAckPending: number) => Promise<unknown>,
): Promise<void> {
  try {
    await ask(wanted);
  } catch (error) {
    const limit = error instanceof JetStreamApiError ? ackPendingLimit(error) : undefined;
    if (limit === undefined || limit < LEAST_ACK_PENDING || limit >= wanted) throw error;
    await ask(limit);
    telling.limits.add(ackPendingNote(limit));
  }
}

/** Reads a consumer whose name is taken. If it is not there, the broker cannot read its files, and will not make another one of this name. */
async function foundConsumer(jsm: JetStreamManager, name: string, refusal: Error): Promise<ConsumerInfo> {
  try {
    return await jsm.consumers.info(EVENTS_STREAM, name);
  } catch (error) {
    if (!(error instanceof JetStreamApiError) || error.code !== CONSUMER_NOT_FOUND) throw error;
    throw codedError(
      "consumer_damaged",
      `${name}: ${refusal.message}. Make room if the broker's disk is full; else stop it, remove the folder ${EVENTS_STREAM}/obs/${name} of its store, and start again: the checkpoints know what is settled`,
    );
  }
}

async function verify(
  jsm: JetStreamManager,
  plan: ConsumerPlan,
  { config }: ConsumerInfo,
  telling: Telling,
): Promise<void> {
  const name = plan.durable_name;
  const differences = compareConsumer(plan, config);
  if (differences.length > 0)
    throw codedError("stream_differs", `consumer ${name}: ${differences.join("; ")}`);
  const has = config.max_ack_pending ?? MAX_ACK_PENDING;
  if (has >= MAX_ACK_PENDING) return;
  await withinLimit(telling, MAX_ACK_PENDING, async (max) => {
    if (max <= has) return;
    await jsm.consumers.update(EVENTS_STREAM, name, { max_ack_pending: max });
    telling.changes.push(`consumer ${name} widened: max_ack_pending`);
  });
}
