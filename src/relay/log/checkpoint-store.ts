import type { KV } from "@nats-io/kv";
import { decodeCheckpoint, encodeCheckpoint, freshCheckpoint } from "../../shared/checkpoint.ts";
import { codedError } from "../../shared/errors.ts";
import { stateKey } from "../../shared/topology.ts";
import type { Settled } from "./settled.ts";

/** Where a shard's memory of what is settled outlives the relay. */
export type CheckpointStore = {
  /**
   * Merges what is stored into `settled`. Throws `checkpoint_missing` when there is none (`provision` writes the first) and
   * `checkpoint_mismatch` when it belongs to another log.
   */
  load(settled: Settled): Promise<void>;
  /** Stores what is settled now, if that changed since the last time. */
  save(settled: Settled): Promise<void>;
};

/**
 * Writes go by compare-and-set on the revision that this relay read or wrote last: a relay that lost the shard cannot overwrite its
 * successor's memory. A lost race is healed by merging, for what is settled stays settled.
 */
export function createCheckpointStore(kv: KV, shard: number, stream: string): CheckpointStore {
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
    revision = entry.revision;
    settled.merge({ floor: checkpoint.floor, snapshot: checkpoint.settled });
  }

  async function save(settled: Settled): Promise<void> {
    const { version } = settled;
    if (version === savedVersion) return;
    const value = encodeCheckpoint({
      ...freshCheckpoint(stream, settled.floor),
      settled: settled.snapshot(),
    });
    try {
      revision = await kv.update(key, value, revision);
      savedVersion = version;
    } catch (error) {
      if (!isWrongRevision(error)) throw error;
      await load(settled); // somebody wrote between, or our own write came through without its answer
    }
  }

  return { load, save };
}

/** JetStream's "wrong last sequence". */
function isWrongRevision(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === 10071;
}
