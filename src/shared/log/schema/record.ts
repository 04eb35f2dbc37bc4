import { codedError } from "../../base/errors.ts";
import { pack, RECORD, unpack, versionOf } from "../../base/msgpack.ts";

/** Version that this program writes. A reader that meets a newer one stops and loses nothing (docs/contract.md, "The log"). */
export const ENVELOPE_VERSION = 1;

/** From this size on an envelope is put together in memory of its own, of just its size: it can be given back as soon as it is stored. */
const LARGE_BODY_BYTES: number = 64 * 1024;
const NO_BYTES: Buffer = Buffer.alloc(0);
/** What `pack` makes of no bytes: bin 8 and its length. */
const EMPTY_BIN_BYTES = 2;
/** Bin 32, with its length in four bytes. */
const BIN_32 = 0xc6;

/** The bytes of an envelope of any log. Its fields keep their order; the body comes last if it is large. */
export function packRecord(envelope: { v: number; body: Uint8Array; [field: string]: unknown }): Uint8Array {
  if (envelope.body.length < LARGE_BODY_BYTES) return pack(envelope);
  const { body, ...rest } = envelope;
  const head = pack({ ...rest, body: NO_BYTES });
  const message = Buffer.allocUnsafeSlow(head.length - EMPTY_BIN_BYTES + 5 + body.length);
  message.set(head.subarray(0, -EMPTY_BIN_BYTES));
  let at = head.length - EMPTY_BIN_BYTES;
  at = message.writeUInt8(BIN_32, at);
  at = message.writeUInt32BE(body.length, at);
  message.set(body, at);
  return message;
}

/**
 * The fields of an envelope of a version that this program knows, whatever they are. Throws `schema_newer` for a later version, `envelope_invalid` for anything
 * that is no map of a few fields. The work is bounded.
 */
export function unpackRecord(bytes: Uint8Array): { v: number } {
  const version = versionOf(bytes); // first, for a newer version may be larger or of another form
  if (version !== undefined && version > ENVELOPE_VERSION) throw newer(version);
  let value: unknown;
  try {
    value = unpack(bytes, RECORD);
  } catch (cause) {
    throw codedError("envelope_invalid", "the payload is not an envelope", { cause });
  }
  if (typeof value !== "object" || value === null || !("v" in value) || typeof value.v !== "number") {
    throw codedError("envelope_invalid", "the payload is not an envelope");
  }
  if (value.v > ENVELOPE_VERSION) throw newer(value.v);
  return value as { v: number };
}

function newer(version: number): Error {
  return codedError("schema_newer", `envelope version ${version} is newer than ${ENVELOPE_VERSION}`);
}
