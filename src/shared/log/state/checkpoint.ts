import { codedError } from "../../base/errors.ts";
import { isHeldPlace, type HeldPlace } from "./held.ts";
import { parseJsonWithin } from "../../base/json-scan.ts";
import { pack, RECORD, unpack } from "../../base/msgpack.ts";

/** Version that this program writes. */
const CHECKPOINT_VERSION = 1;

/** What a relay remembers of one shard, in KV under `stateKey.checkpoint(shard)` (docs/contract.md, "Memory of what is settled"). */
export type Checkpoint = {
  v: number;
  /** Creation time of the log it belongs to, as in `StreamInfo.created`: numbers of another log mean nothing. */
  stream: string;
  /** Every event of the shard up to this sequence is settled. */
  floor: number;
  /** Compressed set of settled sequences above the floor; empty for none. Made and read by the relay only. */
  settled: Uint8Array;
  /** The newest event that was delivered, to notice a number that is used again (log-end.ts). Checkpoints of older versions lack it. */
  top?: { seq: number; at: number };
  /**
   * Held sessions of the shard. Their events count as settled in this checkpoint, so it also says from which sequence on they are not (SETTLE-1). Both are in
   * one value, so that the bucket can only lose both together. At most {@link MOST_HELD}; checkpoints of older versions lack it.
   */
  held?: HeldPlace[];
  /**
   * Id of the broker's process whose acks for this shard are known to be the relay's ({@link acksCount}): it delivered the shard from the relay's own
   * memory. Missing where that is not known, and in checkpoints of older versions.
   */
  broker?: string;
};

/** Most held sessions that a checkpoint names: 8 shards × 1,000 × 50 bytes = 400 kB of the bucket's 32 MiB. Others stand only in the bucket's pointers. */
export const MOST_HELD = 1000;
/** Twice a thousand places, each an array of three, with session ids of up to 200 bytes. */
const HELD = { bytes: 2 * 1024 * 1024, depth: 3, values: 10_000 };

/**
 * Whether the broker can be believed that an event is acknowledged. After a kill its consumers may claim that everything is (2.15.1: in 1 of 10 kills
 * right after a takeover), so it is believed only while the process that the checkpoint names lives. Pure.
 */
export function acksCount(checkpoint: Checkpoint | undefined, broker: string | undefined): boolean {
  return checkpoint?.broker !== undefined && checkpoint.broker === broker;
}

/** A checkpoint that knows of nothing settled above `floor`. */
export function freshCheckpoint(stream: string, floor: number): Checkpoint {
  return { v: CHECKPOINT_VERSION, stream, floor, settled: new Uint8Array() };
}

/** The held sessions are JSON within one value, so that a program with a limit of a few values can still read the checkpoint. */
export function encodeCheckpoint({ held, ...checkpoint }: Checkpoint): Uint8Array {
  return pack(
    held === undefined || held.length === 0
      ? checkpoint
      : { ...checkpoint, held: new TextEncoder().encode(JSON.stringify(held)) },
  );
}

/** Throws `schema_newer` for a version this program does not know, `checkpoint_mismatch` for anything that is no checkpoint. */
export function decodeCheckpoint(bytes: Uint8Array): Checkpoint {
  let value: unknown;
  try {
    value = unpack(bytes, RECORD);
  } catch (cause) {
    throw codedError("checkpoint_mismatch", "the checkpoint cannot be read", { cause });
  }
  if (typeof value !== "object" || value === null || !("v" in value) || typeof value.v !== "number") {
    throw codedError("checkpoint_mismatch", "the stored value is not a checkpoint");
  }
  if (value.v > CHECKPOINT_VERSION) {
    throw codedError("schema_newer", `checkpoint version ${value.v} is newer than ${CHECKPOINT_VERSION}`);
  }
  const it = value as Omit<Checkpoint, "held"> & { held?: unknown };
  const whole =
    typeof it.stream === "string" && Number.isSafeInteger(it.floor) && it.settled instanceof Uint8Array;
  const named = it.broker === undefined || typeof it.broker === "string";
  if (!whole || !named || !isTop(it.top))
    throw codedError("checkpoint_mismatch", "the checkpoint lacks fields");
  const { held, ...rest } = it;
  return held === undefined ? rest : { ...rest, held: heldIn(held) };
}

function heldIn(packed: unknown): HeldPlace[] {
  const value = packed instanceof Uint8Array ? parseJsonWithin(packed, HELD) : undefined;
  if (!Array.isArray(value) || !value.every(isHeldPlace))
    throw codedError("checkpoint_mismatch", "the checkpoint's list of held sessions cannot be read");
  return value;
}

function isTop(top: unknown): boolean {
  if (top === undefined) return true;
  if (typeof top !== "object" || top === null || !("seq" in top) || !("at" in top)) return false;
  return Number.isSafeInteger(top.seq) && Number.isFinite(top.at);
}
