import type { JetStreamManager } from "@nats-io/jetstream";
import type { KV } from "@nats-io/kv";
import { decodeCheckpoint, encodeCheckpoint, freshCheckpoint } from "../../shared/checkpoint.ts";
import { codedError } from "../../shared/errors.ts";
import { EVENTS_STREAM, stateKey } from "../../shared/topology.ts";
import type { Settled } from "../../shared/settled.ts";

/** A write that the broker's death swallowed must not hold up the next one: what is not saved is what a crash repeats (ONCE-1). */
const WRITE_TIMEOUT_MS = 1000;

/** Where a shard's memory of what is settled outlives the relay. */
export type CheckpointStore = {
  /**
   * Merges what is stored into `settled`. Throws `checkpoint_missing` when there is none (`provision` writes the first) and
   * `checkpoint_mismatch` when it belongs to another log or lies beyond its end.
   */
  load(settled: Settled): Promise<void>;
  /** Stores what is settled now, if that changed since the last time. */
  save(settled: Settled): Promise<void>;
};

/**
 * Writes go by compare-and-set on the revision that this relay read or wrote last: a relay that lost the shard cannot overwrite its
 * successor's memory. A lost race is healed by merging, for what is settled stays settled.
 */
export function createCheckpointStore(deps: {
  kv: KV;
  jsm: JetStreamManager;
  shard: number;
  /** When the log was made. */
  stream: string;
}): CheckpointStore {
  const { kv, jsm, shard, stream } = deps;
  const key = stateKey.checkpoint(shard);
  let revision = 0;
  let savedVersion = -1;

  async function load(settled: Settled): Promise<void> {
    const entry = await kv.get(key);
    if (entry === null || entry.operation !== "PUT") {
      throw codedError(
        "checkpoint_missing",
        `shard ${shard} has no checkpoint; run \`provision --from first|new|SEQ\``,
      );
    }
    const checkpoint = decodeCheckpoint(entry.value);
    if (checkpoint.stream !== stream) {
      throw codedError(
        "checkpoint_mismatch",
        `the checkpoint of shard ${shard} belongs to the log made ${checkpoint.stream}, this one was made ${stream}; run \`provision --from first|new|SEQ\``,
      );
    }
    const { state } = await jsm.streams.info(EVENTS_STREAM);
    if (checkpoint.floor > state.last_seq) {
      // a power loss without fsync cut the log: new events would get numbers that count as settled
      throw codedError(
        "checkpoint_mismatch",
        `the checkpoint of shard ${shard} ends at ${checkpoint.floor}, the log at ${state.last_seq}; run \`provision --from first|new|SEQ\``,
      );
    }
    try {
      settled.merge({ floor: checkpoint.floor, snapshot: checkpoint.settled });
    } catch (cause) {
      throw codedError("checkpoint_mismatch", `the checkpoint of shard ${shard} cannot be read`, { cause });
    }
    revision = entry.revision;
  }

  async function save(settled: Settled): Promise<void> {
    if (settled.version === savedVersion) return;
    try {
      await write(settled);
    } catch (error) {
      if (!isWrongRevision(error)) throw error;
      await load(settled); // somebody wrote between, or our own write came through without its answer
      await write(settled);
    }
  }

  async function write(settled: Settled): Promise<void> {
    const { version } = settled;
    const value = encodeCheckpoint({
      ...freshCheckpoint(stream, settled.floor),
      settled: settled.snapshot(),
    });
    revision = await kv.update(key, value, revision, WRITE_TIMEOUT_MS);
    savedVersion = version;
  }

  return { load, save };
}

/** JetStream's "wrong last sequence". */
function isWrongRevision(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === 10071;
}
