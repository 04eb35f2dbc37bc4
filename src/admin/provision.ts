import {
  jetstreamManager,
  JetStreamApiError,
  type ConsumerInfo,
  type JetStreamManager,
  type StreamInfo,
} from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import type { Damage } from "../shared/damage.ts";
import { codedError, errorText } from "../shared/errors.ts";
import { checkLog } from "../shared/log-check.ts";
import { DUPLICATE_WINDOW_MS, EVENTS_STREAM, MIN_BROKER_VERSION } from "../shared/topology.ts";
import { ensureCheckpoints, type ShardStart, type StartFrom } from "./checkpoints.ts";
import { noteDamage } from "../shared/note-damage.ts";
import { compareConsumer, compareStream } from "./differences.ts";
import { goneError, noteGone, rememberedLog } from "./gone.ts";
import { deleteConsumer, ensureMark, mendLog } from "./mend.ts";
import {
  consumerPlan,
  deadPlan,
  defaultLogBytes,
  eventsPlan,
  statePlan,
  type StreamPlan,
} from "./topology.ts";

// topology.ts what must be · differences.ts what is otherwise · checkpoints.ts where consumers start · mend.ts and gone.ts what was lost · ../shared/state-store.ts the KV bucket

export type ProvisionOptions = {
  /** Size of the log, bytes. An existing log only grows. */
  logBytes?: number;
  /** Free disk of the broker's store, where it is known; sizes a new log when `logBytes` is not given. */
  freeBytes?: number;
  replicas?: number;
  duplicateWindowMs?: number;
  /** Where shards without a valid checkpoint start, if the operator says so. */
  from?: StartFrom;
  /** Milliseconds since 1970; default: the system's clock. */
  wall?: () => number;
};

export type Provisioned = {
  stream: { created: string; maxBytes: number; replicas: number };
  /** What was done, for people: empty when everything was there. */
  changes: string[];
  /** What was found damaged now. What is remembered was made to fit, and somebody has to know. */
  damage: Damage[];
};

/**
 * Makes the log, the dead-letter stream, the relay's state and the consumers, or widens what is there (DESIGN 6). Idempotent, and safe
 * when two run at once. Throws `broker_too_old`, `jetstream_disabled`, `stream_differs`, `checkpoint_missing`, `checkpoint_mismatch`.
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
    throw error;
  }
}

/** The broker's words for a stream that it keeps shut because it cannot read a consumer of it. */
const OFFLINE = /\bis offline\b/;

async function makeAll(nc: NatsConnection, options: ProvisionOptions): Promise<Provisioned> {
  refuseOldBroker(nc.info?.version ?? "0.0.0");
  const jsm = await openManager(nc);
  const replicas = options.replicas ?? 1;
  const duplicateWindowMs = options.duplicateWindowMs ?? DUPLICATE_WINDOW_MS;
  const changes: string[] = [];
  // The small ones first: their room is reserved before the log takes what is left.
  await Promise.all([
    ensureStream(jsm, statePlan(replicas), changes),
    ensureStream(jsm, deadPlan(replicas), changes),
  ]);
  const before = await rememberedLog(jsm);
  if (before !== undefined && options.from === undefined && (await infoOf(jsm, EVENTS_STREAM)) === undefined)
    throw goneError(before, "the broker has no log now");
  const log = await ensureLog(
    jsm,
    options,
    (bytes) => eventsPlan({ bytes, replicas, duplicateWindowMs }),
    changes,
  );
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
  const damage = await mendLog(deps, noted.length === 0 ? check : await checkLog(jsm));
  const starts = await ensureCheckpoints({
    nc,
    jsm,
    log: damage === undefined ? log : await jsm.streams.info(EVENTS_STREAM),
    ...(options.from === undefined ? {} : { from: options.from }),
  });
  if (damage === undefined) await ensureMark({ nc, jsm }, check);
  await Promise.all(starts.map((start) => ensureConsumer(jsm, start, changes)));
  return {
    stream: {
      created: log.created,
      maxBytes: log.config.max_bytes,
      replicas: log.config.num_replicas,
    },
    changes,
    damage: damage === undefined ? noted : [...noted, damage],
  };
}

/** Throws `broker_too_old` for a nats-server without consumer reset. */
export function refuseOldBroker(version: string): void {
  const parts = (text: string): number[] =>
    text
      .split(/[.-]/)
      .slice(0, 3)
      .map((part) => Number.parseInt(part, 10) || 0);
  const [have, need] = [parts(version), parts(MIN_BROKER_VERSION)];
  const differing = need.findIndex((part, i) => have[i] !== part);
  if (differing !== -1 && (have[differing] ?? 0) < (need[differing] ?? 0)) {
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
        "start nats-server with JetStream (-js, or a jetstream block in its configuration), and enable it for this account",
        { cause },
      );
    }
    throw codedError("broker_refused", `JetStream does not answer this user: ${errorText(cause)}`, { cause });
  }
}

const NAME_IN_USE = 10058;
const INSUFFICIENT_STORAGE: readonly number[] = [10047, 10023, 10002];

/** Reads, creates or widens a stream. Two at once: the second's creation is either the same or finds the name in use, and compares. */
async function ensureStream(jsm: JetStreamManager, plan: StreamPlan, changes: string[]): Promise<StreamInfo> {
  const existing = await infoOf(jsm, plan.name);
  if (existing !== undefined) return widenStream(jsm, plan, existing, changes);
  try {
    await jsm.streams.add(plan);
    changes.push(`stream ${plan.name} created`);
    return await writeAgain(jsm, plan.name);
  } catch (error) {
    if (!(error instanceof JetStreamApiError) || error.code !== NAME_IN_USE) throw error;
    return widenStream(jsm, plan, await jsm.streams.info(plan.name), changes);
  }
}

async function widenStream(
  jsm: JetStreamManager,
  plan: StreamPlan,
  existing: StreamInfo,
  changes: string[],
): Promise<StreamInfo> {
  const { widen, differences } = compareStream(plan, existing.config);
  if (differences.length > 0) throw codedError("stream_differs", `${plan.name}: ${differences.join("; ")}`);
  if (widen === undefined) return await writeAgain(jsm, plan.name);
  changes.push(`stream ${plan.name} widened: ${Object.keys(widen).join(", ")}`);
  return await jsm.streams.update(plan.name, widen);
}

/**
 * Has the broker write down once more what the stream is. A crash between the two files of its creation makes the broker forget the stream at its next
 * start, though it holds events by then; an update that changes nothing writes both again (nats-server 2.15.1).
 */
async function writeAgain(jsm: JetStreamManager, stream: string): Promise<StreamInfo> {
  return await jsm.streams.update(stream, {});
}

/** A size that nobody chose halves until the broker has room for it, down to 64 MiB; an existing log keeps its size. */
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
      const full = error instanceof JetStreamApiError && INSUFFICIENT_STORAGE.includes(error.code);
      if (!full || bytes / 2 < 64 * 1024 * 1024) throw error;
    }
  }
}

async function infoOf(jsm: JetStreamManager, stream: string): Promise<StreamInfo | undefined> {
  try {
    return await jsm.streams.info(stream);
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === 10059) return undefined;
    throw error;
  }
}

const CONSUMER_NOT_FOUND = 10014;
/** Somebody else made it meanwhile, from a checkpoint that had moved on. */
const CONSUMER_EXISTS: readonly number[] = [10148, 10105, 10013, 10012];

async function ensureConsumer(jsm: JetStreamManager, start: ShardStart, changes: string[]): Promise<void> {
  const plan = consumerPlan(start.shard);
  const name = plan.durable_name;
  if (start.restart) await deleteConsumer(jsm, name);
  try {
    verify(plan, await jsm.consumers.info(EVENTS_STREAM, name));
    return;
  } catch (error) {
    if (!(error instanceof JetStreamApiError) || error.code !== CONSUMER_NOT_FOUND) throw error;
  }
  try {
    await jsm.consumers.add(EVENTS_STREAM, { ...plan, opt_start_seq: start.floor + 1 });
    changes.push(`consumer ${name} created from sequence ${start.floor + 1}`);
  } catch (error) {
    if (!(error instanceof JetStreamApiError) || !CONSUMER_EXISTS.includes(error.code)) throw error;
    verify(plan, await foundConsumer(jsm, name, error));
  }
}

/** A consumer whose name is taken and that is not there: the broker cannot read its files, and makes no other one of this name. */
async function foundConsumer(jsm: JetStreamManager, name: string, refusal: Error): Promise<ConsumerInfo> {
  try {
    return await jsm.consumers.info(EVENTS_STREAM, name);
  } catch (error) {
    if (!(error instanceof JetStreamApiError) || error.code !== CONSUMER_NOT_FOUND) throw error;
    throw codedError(
      "consumer_damaged",
      `${name}: ${refusal.message}. Stop the broker, remove the folder ${EVENTS_STREAM}/obs/${name} of its store, and start again: what is settled is known from the checkpoints`,
    );
  }
}

function verify(
  plan: ReturnType<typeof consumerPlan>,
  existing: Awaited<ReturnType<JetStreamManager["consumers"]["info"]>>,
): void {
  const differences = compareConsumer(plan, existing.config);
  if (differences.length > 0) {
    throw codedError("stream_differs", `consumer ${plan.durable_name}: ${differences.join("; ")}`);
  }
}
