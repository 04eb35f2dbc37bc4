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
  /** The newest event that was delivered, so that a number that comes again is noticed (log-end.ts); missing in what older versions wrote. */
  top?: { seq: number; at: number };
  /**
   * Held sessions of the shard: their events count as settled here, so what counts them says from where on they are not (SETTLE-1). Whatever of the bucket is
   * lost, this and the settled set are lost together. At most {@link MOST_HELD}; missing in what older versions wrote.
   */
  held?: HeldPlace[];
  /**
   * Id of the broker's process in which the relay had the shard delivered from its own memory, so that its acks are the relay's ({@link acksCount}); missing where nobody
   * knows, and in what older versions wrote.
   */
  broker?: string;
};

/** Held sessions that a checkpoint names: 8 shards × 1,000 × 50 bytes = 400 kB in the bucket's 32 MiB. Those of the others only the bucket's pointers know. */
export const MOST_HELD = 1000;
/** Twice a thousand places, each an array of three, with session ids of up to 200 bytes. */
const HELD = { bytes: 2 * 1024 * 1024, depth: 3, values: 10_000 };

/**
 * Whether the broker's word counts that an event is acknowledged. After a kill its consumers may claim that everything is (2.15.1: in 1 of 10 kills
 * right after a takeover), so it counts only while the process lives that the checkpoint names. Pure.
 */
export function acksCount(checkpoint: Checkpoint | undefined, broker: string | undefined): boolean {
  return checkpoint?.broker !== undefined && checkpoint.broker === broker;
}

/** Nothing above `floor` is settled yet. */
export function freshCheckpoint(stream: string, floor: number): Checkpoint {
  return { v: CHECKPOINT_VERSION, stream, floor, settled: new Uint8Array() };
}

/** The held sessions travel as JSON within one value: programs that read no more than a few values pass over it. */
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
    throw codedError("checkpoint_mismatch", "the stored value is no checkpoint");
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
