import { setTimeout as delay } from "node:timers/promises";
import type { JetStreamManager, StreamInfo } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { decodeCheckpoint, encodeCheckpoint, freshCheckpoint, type Checkpoint } from "../state/checkpoint.ts";
import { codedError } from "../../base/errors.ts";
import { decodeHeld, encodeHeld } from "../state/held.ts";
import { shardCountOf, shardNumbers, shardOf } from "../schema/partition.ts";
import { EVENTS_STREAM, stateKey } from "../schema/topology.ts";
import { readRevision, readState, readStates, writeState } from "../state/state-store.ts";

/** Where a shard without a valid checkpoint starts: at the oldest event, behind the newest, or at a sequence. */
export type StartFrom = "first" | "new" | number;

/** The log as far as a decision about its checkpoints needs it. */
export type LogState = { created: string; messages: number; firstSeq: number; lastSeq: number };

/** What a shard's checkpoint calls for. */
export type CheckpointVerdict =
  /** The consumer may be made from it. */
  | { kind: "valid"; floor: number }
  /** There is no event that could be lost or repeated: a checkpoint at the end of the log has to be written. */
  | { kind: "fresh"; floor: number }
  /** The operator chose where to start: this has to be written, and the consumer created again. */
  | { kind: "rewrite"; floor: number }
  | { kind: "refuse"; code: "checkpoint_missing" | "checkpoint_mismatch"; message: string };

/**
 * Decides about one shard (docs/contract.md, "Memory of what is settled"). Guessing would either send everything again or lose what waits,
 * so a log with events and no checkpoint of its own is the operator's decision. Pure.
 */
export function judgeCheckpoint(
  log: LogState,
  checkpoint: Checkpoint | undefined,
  from: StartFrom | undefined,
): CheckpointVerdict {
  const problem = problemOf(log, checkpoint);
  if (problem === undefined && checkpoint !== undefined) return { kind: "valid", floor: checkpoint.floor };
  if (log.messages === 0) return { kind: "fresh", floor: log.lastSeq };
  if (from !== undefined) return { kind: "rewrite", floor: floorOf(log, from) };
  const code = checkpoint === undefined ? "checkpoint_missing" : "checkpoint_mismatch";
  const message = `${problem}. runner-relay will not guess where to resume; choose with provision --from or up --from: first (everything again), new (only new events) or a sequence`;
  return { kind: "refuse", code, message };
}

function problemOf(log: LogState, checkpoint: Checkpoint | undefined): string | undefined {
  if (checkpoint === undefined)
    return `the log holds ${log.messages} events, and it is not known which of them are settled`;
  if (checkpoint.stream !== log.created) {
    return `the checkpoint belongs to a log created ${checkpoint.stream}; this one was created ${log.created}`;
  }
  if (checkpoint.floor > log.lastSeq) {
    return `the checkpoint says ${checkpoint.floor} events are settled, but the log ends at ${log.lastSeq}, so it lost its end`;
  }
  return undefined;
}

function floorOf(log: LogState, from: StartFrom): number {
  if (from === "new") return log.lastSeq;
  if (from === "first") return Math.max(0, log.firstSeq - 1);
  return Math.min(log.lastSeq, Math.max(0, from - 1));
}

/** Where each shard's consumer starts; `restart` ones must be made anew. */
export type ShardStart = { shard: number; floor: number; restart: boolean };

/**
 * Reads every shard's checkpoint and writes those that are due. Throws `checkpoint_missing` or `checkpoint_mismatch`, but first waits a moment for
 * another `provision` that may have just made the log and is about to write them.
 */
export async function ensureCheckpoints(options: {
  nc: NatsConnection;
  jsm: JetStreamManager;
  log: StreamInfo;
  from?: StartFrom;
}): Promise<ShardStart[]> {
  const { nc, jsm, from } = options;
  let log = stateOf(options.log);
  const shards = shardNumbers(shardCountOf(options.log.config));
  for (let attempt = 1; ; attempt++) {
    const stored = await Promise.all(shards.map((shard) => readState(jsm, stateKey.checkpoint(shard))));
    const checkpoints = stored.map((it) => (it === undefined ? undefined : decodeCheckpoint(it.value)));
    // A floor above an end that was read before it proves nothing, because a relay may be at work. So the end is read once more, after the floor.
    if (checkpoints.some((it) => it !== undefined && it.floor > log.lastSeq)) {
      log = stateOf(await jsm.streams.info(EVENTS_STREAM));
    }
    const verdicts = checkpoints.map((checkpoint) => judgeCheckpoint(log, checkpoint, from));
    const starts: ShardStart[] = [];
    const due: Promise<boolean>[] = [];
    for (const [shard, verdict] of verdicts.entries()) {
      if (verdict.kind === "refuse") {
        if (attempt < 5) break;
        throw codedError(verdict.code, verdict.message);
      }
      starts.push({ shard, floor: verdict.floor, restart: restarts(verdict, checkpoints[shard]) });
    }
    if (starts.length === shards.length) {
      await moveHeld(nc, jsm, log, checkpoints, starts);
      for (const { shard, floor } of starts) {
        if (verdicts[shard]?.kind === "valid") continue;
        const value = encodeCheckpoint(freshCheckpoint(log.created, floor));
        const key = stateKey.checkpoint(shard);
        const revision = stored[shard]?.revision ?? (await readRevision(jsm, key)); // it may have been deleted
        due.push(writeState(nc, key, value, revision));
      }
      if ((await Promise.all(due)).every(Boolean)) return starts;
    }
    await delay(200); // the other provision has 4 × 200 ms
  }
}

/** Must the consumer be made anew? One that was made before its checkpoint was corrected starts where the old checkpoint said. */
function restarts(verdict: CheckpointVerdict, found: Checkpoint | undefined): boolean {
  return verdict.kind === "rewrite" || (verdict.kind === "fresh" && found !== undefined);
}

/**
 * Moves the pointers of held sessions, which are numbers of the log. When the numbers of a shard lose their meaning, its pointers follow the new floor
 * before anything is sent, because a pointer above new events would hide them for ever.
 */
async function moveHeld(
  nc: NatsConnection,
  jsm: JetStreamManager,
  log: LogState,
  checkpoints: (Checkpoint | undefined)[],
  starts: ShardStart[],
): Promise<void> {
  if (!starts.some((start) => start.restart)) return;
  for (const [key, { value, revision }] of await readStates(jsm, stateKey.held("*"))) {
    const held = decodeHeld(value);
    const shard = shardOf(held.session, starts.length);
    const start = starts[shard];
    if (start === undefined || !start.restart) continue;
    const sameLog = checkpoints[shard]?.stream === log.created;
    const first = start.floor + 1;
    const moved = { ...held, from: sameLog ? Math.min(held.from, first) : first };
    if (!sameLog) delete moved.skip; // another event has this number now
    if (!(await writeState(nc, key, encodeHeld(moved), revision))) {
      throw new Error(`${key} was changed meanwhile by another process; stop the relays and try again`);
    }
  }
}

function stateOf(info: StreamInfo): LogState {
  return {
    created: info.created,
    messages: info.state.messages,
    firstSeq: info.state.first_seq,
    lastSeq: info.state.last_seq,
  };
}
