import { DEFAULT_SHARDS, partitionToken, shardNumbers } from "./partition.ts";
import { PASSED_SUBJECT } from "./subjects.ts";

/** The log (docs/contract.md, "The log"). */
export const EVENTS_STREAM = "RR_EVENTS";
/** Its subjects. A log that has not the usual number of partitions takes the subjects of its own partitions only: see `partitionToken`. */
export function eventsSubjects(shardCount: number): string[] {
  if (shardCount === DEFAULT_SHARDS) return ["rr.ev.>", "rr.replay.>"];
  const tokens = shardNumbers(shardCount).map((shard) => partitionToken(shard, shardCount));
  return [...tokens.flatMap((token) => [`rr.ev.${token}.>`, `rr.replay.${token}.>`]), PASSED_SUBJECT];
}
/** Dead letters. */
export const DEAD_STREAM = "RR_DEAD";
export const DEAD_SUBJECTS: readonly string[] = ["rr.dead.>"];
/** The relay's state: checkpoints, held sessions, superseded events, whose log this is. A KV bucket. */
export const STATE_BUCKET = "RR_STATE";
/** The stream behind the bucket. */
export const STATE_STREAM: string = `KV_${STATE_BUCKET}`;

const MIB = 1024 * 1024;
/** Largest log that is made by default; a smaller disk makes a smaller one (45 % of what is free, and 25 % for the log of sessions). */
export const MAX_LOG_BYTES: number = 10 * 1024 * MIB;
export const LOG_SHARE_OF_FREE_DISK = 0.45;
/** Room for dead letters and relay state, so that a full log never stops either: 224 + 32 = 256 MiB. */
export const DEAD_BYTES: number = 224 * MIB;
export const STATE_BYTES: number = 32 * MIB;

/** How long the broker recognizes a repeated message id. About 155 B of its memory per event. */
export const DUPLICATE_WINDOW_MS: number = 60 * 60 * 1000;
/** Shortest window that a broker's limits may leave us: a commit is repeated for 4 s after a lost connection. */
export const LEAST_DUPLICATE_WINDOW_MS = 10_000;
/** `max_payload` of the embedded broker. */
export const MAX_PAYLOAD: number = 8 * MIB;
/** Largest body of a write; smaller where the broker's `max_payload` is smaller (see {@link bodyLimit}). */
export const MAX_BODY_BYTES: number = 4 * MIB;
/** Left for the envelope and the headers of a dead letter, so that whatever was accepted can also be dead-lettered. */
const HEADROOM: number = 64 * 1024;

/** Largest body that a gateway accepts, for a broker's `max_payload` (both in bytes). */
export function bodyLimit(maxPayload: number): number {
  return Math.max(0, Math.min(MAX_BODY_BYTES, maxPayload - HEADROOM));
}

/** Settled events are kept this long for receipts and replays. */
export const RETENTION_MS: number = 7 * 24 * 60 * 60 * 1000;

/** Name of a shard's consumer. */
export function consumerName(shard: number): string {
  return `relay-${shard}`;
}
/** Priority group of every shard's consumer; one relay at a time is pinned to it. */
export const PRIORITY_GROUP = "relay";
/** A pull with the pin renews it; after this long without one the broker pins another relay. */
export const PRIORITY_TIMEOUT_MS = 3000;
/** A hot session may fill this before it delays its shard's other sessions (docs/facts.md, "Hot session"). */
export const MAX_ACK_PENDING = 100_000;
/** Least that a broker's limits may leave us, its own default: with fewer, a few busy sessions hold up their shard all the time. */
export const LEAST_ACK_PENDING = 1000;
/** The broker never redelivers by itself within a relay's life; every reconnect resets the consumer instead. */
export const ACK_WAIT_MS: number = 60 * 60 * 1000;

/** Subjects that a shard's consumer reads: `rr.ev` and `rr.replay` of its partition, by one filter. */
export function shardSubjects(shard: number, shardCount: number): string[] {
  return [`rr.*.${partitionToken(shard, shardCount)}.>`];
}

/** Keys in {@link STATE_BUCKET}. Tokens are made by `sessionToken`. */
export const stateKey = {
  checkpoint: (shard: number): string => `checkpoint.${shard}`,
  held: (sessionToken: string): string => `held.${sessionToken}`,
  superseded: (eventId: string): string => `superseded.${eventId}`,
  /** The dead letter of the event at a sequence of the log, or at any, was dropped. */
  dropped: (eventId: string, seq: number | "*"): string => `dropped.${eventId}.${seq}`,
  /** What a runner registered. */
  runner: (token: string): string => `runner.${token}`,
  /** A runner that leaves, and why it is not gone yet (departure.ts). */
  leaving: (token: string): string => `leaving.${token}`,
  /** The newest message of the log that was seen (log-mark.ts). */
  mark: "log",
  /** Up to where the log was pruned (prune.ts). */
  pruned: "pruned",
  /** How many dead letters were removed (removals.ts). */
  removed: "removed",
  /** Something that was found damaged (damage.ts). */
  damage: (id: string): string => `damage.${id}`,
  /** The URL of the coordinator that the log belongs to. */
  coordinator: "coordinator",
  /** How far a replay came. */
  replay: (run: string): string => `replay.${run}`,
  /** Present while everything is paused: by an operator, or by a poison event with the policy `stop` (control.ts). */
  paused: "paused",
  /** What an operator wants of one session (control.ts). */
  control: (sessionToken: string): string => `control.${sessionToken}`,
} as const;

/** Oldest broker that has what we need (consumer reset). */
export const MIN_BROKER_VERSION = "2.14.0";
/** With this version a batch of events takes one fsync. Before it, each event of a batch takes one of its own. */
export const GOOD_BROKER_VERSION = "2.15.0";
