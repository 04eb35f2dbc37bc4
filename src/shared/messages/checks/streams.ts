import {
  JetStreamApiError,
  type ConsumerConfig,
  type JetStreamManager,
  type StreamInfo,
} from "@nats-io/jetstream";
import { millis } from "@nats-io/nats-core";
import { ownCommand } from "../../base/own-command.ts";
import { DEFAULT_SHARDS, shardCountOf, shardNumbers } from "../../log/schema/partition.ts";
import { showBytes } from "../../base/show.ts";
import {
  consumerName,
  DEAD_STREAM,
  EVENTS_STREAM,
  MAX_ACK_PENDING,
  STATE_STREAM,
} from "../../log/schema/topology.ts";
import { compareConsumer, compareStream } from "../../log/provision/differences.ts";
import { judgeDurability, type SyncKnowledge } from "../../log/durability/read-durability.ts";
import {
  consumerPlan,
  deadPlan,
  eventsPlan,
  statePlan,
  type StreamPlan,
} from "../../log/provision/streams.ts";
import { sessionsPlan, sessionStatePlan } from "../../session-log/plans.ts";
import { SESSION_STATE_STREAM, SESSIONS_STREAM } from "../../session-log/topology.ts";
import { fail, ok, warn, type Line } from "./line.ts";
import { ackPendingNote } from "../../log/provision/limits.ts";
import { reading, type Reading } from "./reading.ts";
import { inStep, NO_MAJORITY_TODO, replicasOf, replicasText, type Replicas } from "./replicas.ts";

const STREAM_NOT_FOUND = 10059;
const CONSUMER_NOT_FOUND = 10014;

/** What to do about something that is missing or too small. */
export function provisionIt(): string {
  return `run \`${ownCommand("provision")}\` (\`up\` does so when it starts)`;
}

/** Undefined if the stream does not exist. */
export type StreamReading = Reading<Pick<StreamInfo, "config" | "state" | "cluster"> | undefined>;

export type StreamFacts = {
  streams: { name: string; info: StreamReading }[];
  consumers: { shard: number; config: Reading<ConsumerConfig | undefined> }[];
  sync: SyncKnowledge;
};

export async function readStreams(jsm: JetStreamManager, sync: SyncKnowledge): Promise<StreamFacts> {
  const names = [EVENTS_STREAM, DEAD_STREAM, STATE_STREAM, SESSIONS_STREAM, SESSION_STATE_STREAM];
  const streams = await Promise.all(
    names.map(async (name) => ({
      name,
      info: await reading(() => unless(STREAM_NOT_FOUND, jsm.streams.info(name))),
    })),
  );
  const log = streams[0]?.info;
  const shardCount =
    log?.kind === "read" && log.value !== undefined ? shardCountOf(log.value.config) : DEFAULT_SHARDS;
  const consumers = await Promise.all(
    shardNumbers(shardCount).map(async (shard) => ({
      shard,
      config: await reading(
        async () =>
          (await unless(CONSUMER_NOT_FOUND, jsm.consumers.info(EVENTS_STREAM, consumerName(shard))))?.config,
      ),
    })),
  );
  return { streams, consumers, sync };
}

async function unless<T>(code: number, work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === code) return undefined;
    throw error;
  }
}

/** Judges streams, consumers and what may be claimed of accepted events (HONEST-1). Pure. */
export function judgeStreams({ streams, consumers, sync }: StreamFacts): Line[] {
  const exists = ({ info }: StreamFacts["streams"][number]): boolean =>
    info.kind === "read" && info.value !== undefined;
  const [ofSessions, ofEvents] = [streams.filter(isOfSessions), streams.filter((it) => !isOfSessions(it))];
  const anyExists = ofEvents.some(exists);
  const lines = ofEvents.map(({ name, info }) => judgeStream(name, info, anyExists));
  const sessions = judgeSessionStreams(ofSessions, ofSessions.some(exists));
  const log = streams.find(({ name }) => name === EVENTS_STREAM)?.info;
  if (log?.kind !== "read" || log.value === undefined) return [...lines, ...sessions];
  return [
    ...lines,
    ...sessions,
    judgeConsumers(consumers, shardCountOf(log.value.config)),
    ...judgeSync(sync, log.value),
  ];
}

function isOfSessions({ name }: { name: string }): boolean {
  return name === SESSIONS_STREAM || name === SESSION_STATE_STREAM;
}

const TWO_REPLICAS = "2 replicas do not survive the failure of one";

/** The log of sessions may be missing: then everything else works. What its durability depends on besides the broker is compared with what it is provisioned with. */
function judgeSessionStreams(streams: StreamFacts["streams"], anyExists: boolean): Line[] {
  if (streams.length > 0 && !anyExists && streams.every(({ info }) => info.kind === "read"))
    return [
      warn(
        `stream ${SESSIONS_STREAM}`,
        "it does not exist, so that no agent sessions are served",
        `${provisionIt()} if you want them; the warning \`sessions_unavailable\` says why it cannot be made`,
      ),
    ];
  return streams.flatMap(({ name, info }) => {
    const line = judgeStream(name, info, anyExists);
    const replicas = info.kind === "read" ? info.value?.config.num_replicas : undefined;
    return replicas === 2 ? [line, warn(`stream ${name}`, TWO_REPLICAS, "use 1 or 3")] : [line];
  });
}

/** After a crash of nats-server in the moment in which it makes a stream (docs/facts.md). */
const SKIPPED =
  "if nats-server crashed when it was created, its log says `Missing stream checksum file`, and the events are still in its folder: keep that folder, restart `up`, which repairs it, or restore a backup";

/** `othersExist`: the other streams say that this one was there. */
function judgeStream(name: string, info: StreamReading, othersExist: boolean): Line {
  const check = `stream ${name}`;
  if (info.kind === "failed")
    return fail(check, info.why, `check broker and permissions. With several servers: ${NO_MAJORITY_TODO}`);
  if (info.value === undefined)
    return fail(
      check,
      "it does not exist",
      othersExist ? `${SKIPPED}; else ${provisionIt()}` : provisionIt(),
    );
  const { config, state, cluster } = info.value;
  const { differences, widen } = compareStream(planOf(name, config), config);
  if (differences.length > 0)
    return fail(check, differences.join("; "), "decide which is right; `provision` only raises limits");
  if (widen !== undefined)
    return warn(check, `not as it must be: ${Object.keys(widen).join(", ")}`, provisionIt());
  const replicas = replicasOf({ config, ...(cluster === undefined ? {} : { cluster }) });
  const unwell = replicas && judgeReplicas(check, replicas, config.num_replicas);
  if (unwell !== undefined) return unwell;
  const copies = `${config.num_replicas} replica(s)${replicas === undefined ? "" : ` (${replicasText(replicas)})`}`;
  return ok(check, `as provisioned; ${copies}, ${showBytes(state.bytes)} of ${showBytes(config.max_bytes)}`);
}

/** Undefined if all servers of a stream are in step. */
function judgeReplicas(check: string, replicas: Replicas, all: number): Line | undefined {
  const [have, need] = [inStep(replicas), Math.floor(all / 2) + 1];
  const text = replicasText(replicas);
  if (replicas.leader === undefined) return fail(check, `nothing can be stored: ${text}`, NO_MAJORITY_TODO);
  if (have >= all) return undefined;
  const counts = `${have} of ${all} in step, and ${need} are needed`;
  const todo =
    have > need
      ? "start or check the other servers of the cluster"
      : `start or check the other servers of the cluster: if one more fails, nothing can be stored`;
  return warn(check, `${counts}: ${text}`, todo);
}

/** The plan to compare a stream with. Sizes are taken from the stream itself, so that only the other settings are compared. */
function planOf(
  name: string,
  { num_replicas: replicas, max_bytes: bytes, ...config }: StreamInfo["config"],
): StreamPlan {
  if (name === STATE_STREAM) return { ...statePlan(replicas), max_bytes: bytes };
  if (name === DEAD_STREAM) return { ...deadPlan(replicas), max_bytes: bytes };
  if (name === SESSIONS_STREAM) return sessionsPlan({ bytes, replicas });
  if (name === SESSION_STATE_STREAM) return { ...sessionStatePlan(replicas), max_bytes: bytes };
  return eventsPlan({
    bytes,
    replicas,
    duplicateWindowMs: millis(config.duplicate_window),
    shardCount: shardCountOf(config),
  });
}

function judgeConsumers(consumers: StreamFacts["consumers"], shardCount: number): Line {
  const check = "consumers";
  const problems: string[] = [];
  let missing = false;
  let silent = false;
  for (const { shard, config } of consumers) {
    const name = consumerName(shard);
    const plan = consumerPlan(shard, shardCount);
    if (config.kind === "failed") {
      silent = true;
      problems.push(`${name}: ${config.why}`);
    } else if (config.value === undefined) {
      missing = true;
      problems.push(`${name} does not exist`);
    } else problems.push(...compareConsumer(plan, config.value).map((it) => `${name}: ${it}`));
  }
  if (problems.length === 0) return judgeRoom(check, consumers);
  if (silent) return fail(check, problems.join("; "), NO_MAJORITY_TODO); // it may have no leader, and is not gone
  const todo = missing
    ? `${provisionIt()}; the checkpoints know what is settled`
    : `delete it and run \`${ownCommand("provision")}\`; the checkpoints know what is settled`;
  return fail(check, problems.join("; "), todo);
}

function judgeRoom(check: string, consumers: StreamFacts["consumers"]): Line {
  const least = Math.min(
    ...consumers.map(
      ({ config }) => (config.kind === "read" ? config.value?.max_ack_pending : undefined) ?? MAX_ACK_PENDING,
    ),
  );
  if (least >= MAX_ACK_PENDING) return ok(check, `${consumers.length} as provisioned`);
  return warn(
    check,
    ackPendingNote(least),
    `raise max_ack_pending in the broker's limits, then run \`${ownCommand("provision")}\``,
  );
}

function judgeSync(sync: SyncKnowledge, { config }: Pick<StreamInfo, "config">): Line[] {
  const { problems } = judgeDurability(sync, config);
  if (problems.length === 0) return [ok("durability", "fsync before every acknowledgement")];
  const todo = "set `sync_interval: always` in the broker's jetstream block";
  return problems.map((problem) =>
    problem.startsWith("cannot verify")
      ? warn(
          "durability",
          problem,
          `${todo}, and set RUNNER_RELAY_BROKER_MONITOR or RUNNER_RELAY_BROKER_CONFIG so that this can be verified`,
        )
      : fail("durability", problem, sync.kind === "not_always" ? todo : "correct the log's settings"),
  );
}
