import {
  AckPolicy,
  DeliverPolicy,
  DiscardPolicy,
  RetentionPolicy,
  StorageType,
  type ConsumerConfig,
  type StreamConfig,
} from "@nats-io/jetstream";
import { nanos, type WithRequired } from "@nats-io/nats-core";
import { shardMetadata } from "../schema/partition.ts";
import {
  ACK_WAIT_MS,
  consumerName,
  DEAD_BYTES,
  DEAD_STREAM,
  DEAD_SUBJECTS,
  EVENTS_STREAM,
  eventsSubjects,
  LOG_SHARE_OF_FREE_DISK,
  MAX_ACK_PENDING,
  MAX_LOG_BYTES,
  PRIORITY_GROUP,
  PRIORITY_TIMEOUT_MS,
  shardSubjects,
  STATE_BUCKET,
  STATE_STREAM,
  STATE_BYTES,
} from "../schema/topology.ts";

/** What a stream of ours must be. Made by `topology.ts`, compared by `differences.ts`, carried out by `provision.ts`. */
export type StreamPlan = WithRequired<
  Partial<StreamConfig>,
  "name" | "subjects" | "max_bytes" | "num_replicas"
>;
export type ConsumerPlan = Partial<ConsumerConfig> & { durable_name: string; filter_subjects: string[] };

/** Less is no log: one body may have 4 MiB. */
const LEAST_LOG_BYTES: number = 16 * 1024 * 1024;

/** Size of a new log if none is set. `freeBytes` is the free disk of the broker's store, where we can know it. */
export function defaultLogBytes(freeBytes?: number): number {
  if (freeBytes === undefined) return MAX_LOG_BYTES;
  const share = Math.floor((freeBytes - DEAD_BYTES - STATE_BYTES) * LOG_SHARE_OF_FREE_DISK);
  return Math.max(LEAST_LOG_BYTES, Math.min(MAX_LOG_BYTES, share));
}

const common = {
  retention: RetentionPolicy.Limits,
  storage: StorageType.File,
  discard: DiscardPolicy.New, // a full log refuses, it never forgets (SETTLE-1)
  max_age: 0,
  max_msgs: -1,
  allow_direct: true,
} as const;

/** The log. */
export function eventsPlan(options: {
  bytes: number;
  replicas: number;
  duplicateWindowMs: number;
  shardCount: number;
}): StreamPlan {
  return {
    ...common,
    name: EVENTS_STREAM,
    subjects: eventsSubjects(options.shardCount),
    metadata: shardMetadata(options.shardCount),
    max_bytes: options.bytes,
    max_msgs_per_subject: -1,
    num_replicas: options.replicas,
    duplicate_window: nanos(options.duplicateWindowMs),
    allow_atomic: true,
  };
}

/** Dead letters. */
export function deadPlan(replicas: number): StreamPlan {
  return {
    ...common,
    name: DEAD_STREAM,
    subjects: [...DEAD_SUBJECTS],
    max_bytes: DEAD_BYTES,
    max_msgs_per_subject: -1,
    num_replicas: replicas,
  };
}

/** The relay's state, in the form that every client knows as a key-value bucket with a history of 1. */
export function statePlan(replicas: number): StreamPlan {
  return {
    ...common,
    name: STATE_STREAM,
    subjects: [`$KV.${STATE_BUCKET}.>`],
    max_bytes: STATE_BYTES,
    max_msgs_per_subject: 1,
    num_replicas: replicas,
    allow_rollup_hdrs: false, // one write with a roll-up could wipe every checkpoint
    allow_msg_ttl: true, // superseded events are remembered for a while only
  };
}

/** A shard's consumer (docs/facts.md, "Consuming in order"). Where it starts is the checkpoint's matter. */
export function consumerPlan(shard: number, shardCount: number): ConsumerPlan {
  return {
    durable_name: consumerName(shard),
    ack_policy: AckPolicy.Explicit,
    deliver_policy: DeliverPolicy.StartSequence, // a reset needs this policy or `all`
    ack_wait: nanos(ACK_WAIT_MS),
    max_deliver: -1,
    max_ack_pending: MAX_ACK_PENDING,
    filter_subjects: shardSubjects(shard, shardCount),
    priority_policy: "pinned_client",
    priority_groups: [PRIORITY_GROUP],
    priority_timeout: nanos(PRIORITY_TIMEOUT_MS),
  };
}
