import type { KV } from "@nats-io/kv";
import type { NatsConnection } from "@nats-io/nats-core";
import {
  acksCount,
  decodeCheckpoint,
  encodeCheckpoint,
  freshCheckpoint,
  type Checkpoint,
} from "../../shared/log/state/checkpoint.ts";
import { ownCommand } from "../../shared/base/own-command.ts";
import type { HeldPlace } from "../../shared/log/state/held.ts";
import { codedError } from "../../shared/base/errors.ts";
import { stateKey } from "../../shared/log/schema/topology.ts";
import type { Settled } from "../../shared/log/state/settled.ts";

/** A write that was lost with the broker must not delay the next one, because after a crash everything unsaved is sent again (ONCE-1). */
const WRITE_TIMEOUT_MS = 1000;

type Top = NonNullable<Checkpoint["top"]>;

/** What a checkpoint says beside what is settled. */
export type More = {
  /** The newest event that was delivered. */
  top: Top | undefined;
  /** The shard's held sessions at the moment of the write. Undefined if they are not known now; then the stored ones stay. */
  held: () => HeldPlace[] | undefined;
  /** The broker's process whose acks are ours (keeper.ts). */
  broker: string | undefined;
};

/** Stores a shard's memory of settled events, for relays that come later. */
export type CheckpointStore = {
  /**
   * Merges what is stored into `settled`. Throws `checkpoint_missing` when there is none (`provision` writes the first) and
   * `checkpoint_mismatch` when it belongs to another log. That the log still reaches so far was seen before (log-watch.ts).
   * Resolves to whether the broker's own acks count as well ({@link acksCount}).
   */
  load(settled: Settled): Promise<boolean>;
  /** Stores what is settled now, with the rest of the checkpoint, if any of it changed since the last write. */
  save(settled: Settled, more: More): Promise<void>;
};

function areSame(a: readonly HeldPlace[], b: readonly HeldPlace[]): boolean {
  return a === b || (a.length === b.length && JSON.stringify(a) === JSON.stringify(b));
}

/** JetStream's "wrong last sequence". */
function isWrongRevision(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === 10071;
}

type StoreDeps = {
  kv: KV;
  shard: number;
  /** When the log was made. */
  stream: string;
  /** The broker's process that answers now. */
  nc: Pick<NatsConnection, "info">;
};

/** Throws `checkpoint_missing` when there is none, and `checkpoint_mismatch` when it belongs to another log. */
async function readCheckpoint({
  kv,
  shard,
  stream,
}: StoreDeps): Promise<{ revision: number; checkpoint: Checkpoint }> {
  const entry = await kv.get(stateKey.checkpoint(shard));
  if (entry === null || entry.operation !== "PUT")
    throw codedError(
      "checkpoint_missing",
      `shard ${shard} has no checkpoint; run \`${ownCommand("provision", "--from", "first")}\` (or \`new\`, or a sequence)`,
    );
  const checkpoint = decodeCheckpoint(entry.value);
  if (checkpoint.stream !== stream)
    throw codedError(
      "checkpoint_mismatch",
      `the checkpoint of shard ${shard} belongs to the log created ${checkpoint.stream}; this one was created ${stream}; run \`${ownCommand("provision", "--from", "first")}\` (or \`new\`, or a sequence)`,
    );
  return { revision: entry.revision, checkpoint };
}

/**
 * Writes go by compare-and-set on the revision that this relay read or wrote last: a relay that lost the shard cannot overwrite its
 * successor's memory. After a lost race both memories are merged, because what is settled stays settled.
 */
export function createCheckpointStore(deps: StoreDeps): CheckpointStore {
  const { kv, shard, stream, nc } = deps;
  const key = stateKey.checkpoint(shard);
  let revision = 0;
  let saved: { version: number; broker: string | undefined } | undefined;
  /** As another relay wrote it. That relay may have received more events than this one. */
  let known: Top | undefined;
  let storedHeld: HeldPlace[] = [];

  async function load(settled: Settled): Promise<boolean> {
    const { revision: newest, checkpoint } = await readCheckpoint(deps);
    try {
      settled.merge({ floor: checkpoint.floor, snapshot: checkpoint.settled });
    } catch (cause) {
      throw codedError("checkpoint_mismatch", `the checkpoint of shard ${shard} cannot be read`, { cause });
    }
    known = checkpoint.top;
    storedHeld = checkpoint.held ?? [];
    revision = newest;
    return acksCount(checkpoint, nc.info?.server_id);
  }

  async function write(settled: Settled, { top, held, broker }: More): Promise<void> {
    const { version } = settled;
    const places = held() ?? storedHeld;
    const newest = (top?.seq ?? 0) >= (known?.seq ?? 0) ? top : known;
    const value = encodeCheckpoint({
      ...freshCheckpoint(stream, settled.floor),
      settled: settled.snapshot(),
      ...(newest === undefined ? {} : { top: newest }),
      ...(places.length === 0 ? {} : { held: places }),
      ...(broker === undefined ? {} : { broker }),
    });
    revision = await kv.update(key, value, revision, WRITE_TIMEOUT_MS);
    saved = { version, broker };
    storedHeld = places;
  }

  async function save(settled: Settled, more: More): Promise<void> {
    const same = settled.version === saved?.version && more.broker === saved.broker;
    if (same && areSame(more.held() ?? storedHeld, storedHeld)) return;
    try {
      await write(settled, more);
    } catch (error) {
      if (!isWrongRevision(error)) throw error;
      await load(settled); // another relay wrote in between, or our own write arrived and its answer was lost
      await write(settled, more);
    }
  }

  return { load, save };
}
