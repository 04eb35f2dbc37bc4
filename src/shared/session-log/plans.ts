import { DiscardPolicy, RetentionPolicy, StorageType } from "@nats-io/jetstream";
import { nanos } from "@nats-io/nats-core";
import type { StreamPlan } from "../log/provision/streams.ts";
import { SESSION_STATE_BYTES } from "./size.ts";
import {
  LIVE_SUBJECT,
  SESSION_STATE_BUCKET,
  SESSION_STATE_STREAM,
  SESSIONS_DUPLICATE_WINDOW_MS,
  SESSIONS_STREAM,
  SESSIONS_SUBJECT,
} from "./topology.ts";

const common = {
  retention: RetentionPolicy.Limits,
  storage: StorageType.File,
  discard: DiscardPolicy.New, // what a watcher saw never vanishes by itself
  max_age: 0,
  max_msgs: -1,
  allow_direct: true,
} as const;

/** The log of sessions. The broker publishes what it stored, after it stored it. */
export function sessionsPlan(options: { bytes: number; replicas: number }): StreamPlan {
  return {
    ...common,
    name: SESSIONS_STREAM,
    subjects: [SESSIONS_SUBJECT],
    max_bytes: options.bytes,
    max_msgs_per_subject: -1,
    num_replicas: options.replicas,
    duplicate_window: nanos(SESSIONS_DUPLICATE_WINDOW_MS),
    allow_atomic: true,
    republish: { src: SESSIONS_SUBJECT, dest: LIVE_SUBJECT },
  };
}

/** What is known about sessions, in the form that every client knows as a key-value bucket with a history of 1. */
export function sessionStatePlan(replicas: number): StreamPlan {
  return {
    ...common,
    name: SESSION_STATE_STREAM,
    subjects: [`$KV.${SESSION_STATE_BUCKET}.>`],
    max_bytes: SESSION_STATE_BYTES,
    max_msgs_per_subject: 1,
    num_replicas: replicas,
    allow_rollup_hdrs: false, // one write with a roll-up could wipe the index
    allow_msg_ttl: true, // leases end by themselves
  };
}
