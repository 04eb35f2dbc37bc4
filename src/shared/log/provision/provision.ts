import {
  jetstreamManager,
  JetStreamApiError,
  type JetStreamManager,
  type StreamInfo,
} from "@nats-io/jetstream";
import { errors, type NatsConnection } from "@nats-io/nats-core";
import type { Damage } from "../state/damage.ts";
import { codedError, errorText } from "../../base/errors.ts";
import { checkLog } from "../state/log-check.ts";
import { findForgotten } from "./forgotten.ts";
import { DEFAULT_SHARDS, shardCountOf } from "../schema/partition.ts";
import {
  DUPLICATE_WINDOW_MS,
  EVENTS_STREAM,
  LEAST_DUPLICATE_WINDOW_MS,
  MIN_BROKER_VERSION,
  STATE_STREAM,
} from "../schema/topology.ts";
import { ensureCheckpoints, type StartFrom } from "./checkpoints.ts";
import { noteDamage } from "../state/note-damage.ts";
import { ensureConsumer, type Telling } from "./consumers.ts";
import { ensureStream, infoOf, widenStream } from "./ensure-stream.ts";
import { goneError, noteGone, rememberedLog } from "./gone.ts";
import { hasNoRoom, refusalOf, windowLimitMs, windowNote } from "./limits.ts";
import { ensureMark, mendLog } from "./mend.ts";
import { deadPlan, defaultLogBytes, eventsPlan, statePlan, type StreamPlan } from "./streams.ts";

// streams.ts says what there must be · ensure-stream.ts makes it or widens it, by differences.ts · limits.ts what the broker does not allow · consumers.ts makes one per shard ·
// checkpoints.ts says where it starts · mend.ts, gone.ts and forgotten.ts deal with what was lost · ../state/state-store.ts is the KV bucket

export type ProvisionOptions = {
  /** Size of the log, bytes. An existing log only grows. */
  logBytes?: number;
  /** Free disk of the broker's store, where it is known; sizes a new log when `logBytes` is not given. */
  freeBytes?: number;
  replicas?: number;
  /** Partitions of a new log; default {@link DEFAULT_SHARDS}. An existing log keeps its number, and another one is refused. */
  shards?: number;
  duplicateWindowMs?: number;
  /** Where shards without a valid checkpoint start, if the operator chose. */
  from?: StartFrom;
  /** Milliseconds since 1970; default: the system's clock. */
  wall?: () => number;
};

export type Provisioned = {
  stream: { created: string; maxBytes: number; replicas: number };
  /** True if there was no log before. */
  isNew: boolean;
  /** What was done, for people. Empty if everything was there. */
  changes: string[];
  /** What the broker's limits made smaller than it should be, and what follows from that, for people. */
  limits: string[];
  /** Damage that was found now. What is remembered was made to fit, and an operator has to know of it. */
  damage: Damage[];
};

/** The broker's words for a stream that it keeps shut because it cannot read a consumer of it. */
const OFFLINE = /\bis offline\b/;

/**
 * Makes the log, the dead-letter stream, the relay's state and the consumers, or widens what is there (docs/contract.md, "The log"). Idempotent, and safe
 * when two run at once. Throws `log_unreachable`, `broker_too_old`, `broker_limited`, `jetstream_disabled`, `stream_differs`, `checkpoint_missing`,
 * `checkpoint_mismatch`, `shards_fixed`.
 */
export async function provision(nc: NatsConnection, options: ProvisionOptions = {}): Promise<Provisioned> {
  try {
    return await makeAll(nc, options);
  } catch (error) {
    if (error instanceof JetStreamApiError && OFFLINE.test(error.message))
      throw codedError(
        "consumer_damaged",
        `${error.message}. Stop the broker, remove that consumer's folder (${EVENTS_STREAM}/obs/<consumer> of its store), and start again`,
        { cause: error },
      );
    throw error instanceof JetStreamApiError ? refusalOf(error) : error;
  }
}

async function makeAll(nc: NatsConnection, options: ProvisionOptions): Promise<Provisioned> {
  if (nc.info === undefined) throw codedError("log_unreachable", "the broker is away"); // while it connects again
  refuseOldBroker(nc.info.version);
  const jsm = await openManager(nc);
  const replicas = options.replicas ?? 1;
  const duplicateWindowMs = options.duplicateWindowMs ?? DUPLICATE_WINDOW_MS;
  const telling: Telling = { changes: [], limits: new Set() };
  const { changes, limits } = telling;
  // The small ones first: their room is reserved before the log takes what is left.
  await Promise.all([
    ensureStream(jsm, statePlan(replicas), changes),
    ensureStream(jsm, deadPlan(replicas), changes),
  ]);
  const before = await rememberedLog(jsm);
  const existing = await infoOf(jsm, EVENTS_STREAM);
  const isNew = existing === undefined;
  const shardCount = shardCountFor(existing, options.shards);
  if (before !== undefined && options.from === undefined && isNew)
    throw goneError(before, "the broker has no log");
  const log = await withinWindow(duplicateWindowMs, limits, (windowMs) => {
    const planOf = (bytes: number): StreamPlan =>
      eventsPlan({ bytes, replicas, duplicateWindowMs: windowMs, shardCount });
    return ensureLog(jsm, options, planOf, changes);
  });
  const check = await checkLog(jsm);
  const deps = { nc, jsm, wall: options.wall ?? Date.now };
  if (
    before !== undefined &&
    before.created !== log.created &&
    log.state.messages === 0 &&
    options.from === undefined
  )
    throw goneError(before, `another one, made ${log.created}, is in its place and empty`);
  const noted = await noteDamage(deps, check);
  const gone = before && options.from !== undefined ? await noteGone(deps, before, check) : undefined;
  if (gone !== undefined) noted.push(gone);
  const latest = noted.length === 0 ? check : await checkLog(jsm);
  const mended = await mendLog(deps, latest);
  if (mended?.damage !== undefined) noted.push(mended.damage);
  const starts = await ensureCheckpoints({
    nc,
    jsm,
    log: mended === undefined ? log : await jsm.streams.info(EVENTS_STREAM),
    ...(options.from === undefined ? {} : { from: options.from }),
  });
  noted.push(...(await findForgotten(deps, starts, check, changes)));
  if (mended === undefined) await ensureMark({ nc, jsm }, latest);
  await Promise.all(starts.map((start) => ensureConsumer(jsm, start, starts.length, telling)));
  return {
    stream: {
      created: log.created,
      maxBytes: log.config.max_bytes,
      replicas: log.config.num_replicas,
    },
    isNew,
    changes,
    limits: [...limits],
    damage: noted,
  };
}

/** The partitions of the log. Throws `shards_fixed` if an existing one has another number than was asked for. */
function shardCountFor(existing: StreamInfo | undefined, wanted: number | undefined): number {
  if (existing === undefined) return wanted ?? DEFAULT_SHARDS;
  const found = shardCountOf(existing.config);
  if (wanted === undefined || wanted === found) return found;
  throw codedError(
    "shards_fixed",
    `${EVENTS_STREAM} has ${found} shards, not ${wanted}, and the number is part of the subject of every event. Leave --shards out to go on with it. For another number let relays send everything, stop gateways and relays, which know one number for as long as they run, delete the streams ${EVENTS_STREAM} and ${STATE_STREAM}, run this again, and start them`,
  );
}

/** Throws `broker_too_old` for a nats-server without consumer reset. */
export function refuseOldBroker(version: string): void {
  if (isOlder(version, MIN_BROKER_VERSION)) {
    throw codedError(
      "broker_too_old",
      `nats-server ${version} lacks consumer reset: ${MIN_BROKER_VERSION} or newer is needed`,
    );
  }
}

async function openManager(nc: NatsConnection): Promise<JetStreamManager> {
  try {
    return await jetstreamManager(nc, { timeout: 10_000 });
  } catch (cause) {
    const code = cause instanceof JetStreamApiError ? cause.code : undefined;
    if (
      (cause instanceof Error && cause.name === "JetStreamNotEnabled") ||
      code === 10039 ||
      code === 10076
    ) {
      throw codedError(
        "jetstream_disabled",
        "start nats-server with JetStream (-js, or a jetstream block in its configuration), and enable it for this account; or the log lies on a host that is cut off from its hub",
        { cause },
      );
    }
    if (isForming(cause))
      throw codedError(
        "log_unreachable",
        `JetStream is not ready (${errorText(cause)}): the servers' cluster is still forming, or fewer than half of them run; run this again when they do`,
        { cause },
      );
    throw codedError("broker_refused", `JetStream does not answer this user: ${errorText(cause)}`, { cause });
  }
}

/** Servers that have no leader yet say that they are unavailable, or nothing. A permission that is missing is named by the broker at once. */
function isForming(cause: unknown): boolean {
  return cause instanceof JetStreamApiError ? cause.status === 503 : cause instanceof errors.TimeoutError;
}

/** Makes the log with the window that we want, or else with the longest that the broker allows. */
async function withinWindow(
  wantedMs: number,
  limits: Set<string>,
  make: (windowMs: number) => Promise<StreamInfo>,
): Promise<StreamInfo> {
  try {
    return await make(wantedMs);
  } catch (error) {
    const limitMs = error instanceof JetStreamApiError ? windowLimitMs(error) : undefined;
    if (limitMs === undefined || limitMs < LEAST_DUPLICATE_WINDOW_MS || limitMs >= wantedMs) throw error;
    const log = await make(limitMs);
    limits.add(windowNote(wantedMs, limitMs));
    return log;
  }
}

/** A size that was not set is halved until the broker has room for it, down to 64 MiB; an existing log keeps its size. */
async function ensureLog(
  jsm: JetStreamManager,
  options: ProvisionOptions,
  planOf: (bytes: number) => StreamPlan,
  changes: string[],
): Promise<StreamInfo> {
  if (options.logBytes !== undefined) return await ensureStream(jsm, planOf(options.logBytes), changes);
  const existing = await infoOf(jsm, EVENTS_STREAM);
  if (existing !== undefined)
    return await widenStream(jsm, planOf(existing.config.max_bytes), existing, changes);
  for (let bytes = defaultLogBytes(options.freeBytes); ; bytes = Math.floor(bytes / 2)) {
    try {
      return await ensureStream(jsm, planOf(bytes), changes);
    } catch (error) {
      const full = hasNoRoom(error);
      if (!full || bytes / 2 < 64 * 1024 * 1024) throw error;
    }
  }
}

/** Is a version of nats-server older than another one? Pure. */
export function isOlder(version: string, than: string): boolean {
  const parts = (text: string): number[] =>
    text
      .split(/[.-]/)
      .slice(0, 3)
      .map((part) => Number.parseInt(part, 10) || 0);
  const [have, need] = [parts(version), parts(than)];
  const differing = need.findIndex((part, i) => have[i] !== part);
  return differing !== -1 && (have[differing] ?? 0) < (need[differing] ?? 0);
}
