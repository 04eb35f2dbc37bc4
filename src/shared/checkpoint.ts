import { codedError } from "./errors.ts";
import { pack, RECORD, unpack } from "./msgpack.ts";

/** Version that this program writes. */
const CHECKPOINT_VERSION = 1;

/** What a relay remembers of one shard, in KV under `stateKey.checkpoint(shard)` (DESIGN 8, "Memory of what is settled"). */
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
};

/** Nothing above `floor` is settled yet. */
export function freshCheckpoint(stream: string, floor: number): Checkpoint {
  return { v: CHECKPOINT_VERSION, stream, floor, settled: new Uint8Array() };
}

export function encodeCheckpoint(checkpoint: Checkpoint): Uint8Array {
  return pack(checkpoint);
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
  const it = value as Checkpoint;
  const whole =
    typeof it.stream === "string" && Number.isSafeInteger(it.floor) && it.settled instanceof Uint8Array;
  if (!whole || !isTop(it.top)) throw codedError("checkpoint_mismatch", "the checkpoint lacks fields");
  return it;
}

function isTop(top: unknown): boolean {
  if (top === undefined) return true;
  if (typeof top !== "object" || top === null || !("seq" in top) || !("at" in top)) return false;
  return Number.isSafeInteger(top.seq) && Number.isFinite(top.at);
}
