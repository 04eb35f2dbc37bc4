import { Packr } from "msgpackr";
import { codedError } from "./errors.ts";

/** Version that this program writes. */
export const HELD_VERSION = 1;

/**
 * A session whose events wait outside the lanes (DESIGN 8, "Held sessions"), in KV under `stateKey.held(token)`. Its messages in the log
 * from `from` on are not sent yet although they are acknowledged: nothing may prune them.
 */
export type Held = {
  v: number;
  session: string;
  /** First sequence of the log that is not settled. */
  from: number;
  /** Why, for people and for the release: `parked`, `paused`, `backlog`. */
  reason: string;
  /** Wall clock, milliseconds since 1970. */
  since: number;
};

const packr = new Packr({ useRecords: false, variableMapSize: true });

export function encodeHeld(held: Held): Uint8Array {
  return packr.pack(held);
}

/** Throws `schema_newer` for a version this program does not know, `envelope_invalid` for anything that is no such record. */
export function decodeHeld(bytes: Uint8Array): Held {
  let value: unknown;
  try {
    value = packr.unpack(bytes);
  } catch (cause) {
    throw codedError("envelope_invalid", "the record of a held session is not msgpack", { cause });
  }
  if (typeof value !== "object" || value === null || !("v" in value) || typeof value.v !== "number") {
    throw codedError("envelope_invalid", "the stored value is no record of a held session");
  }
  if (value.v > HELD_VERSION) {
    throw codedError("schema_newer", `held record version ${value.v} is newer than ${HELD_VERSION}`);
  }
  const it = value as Held;
  if (typeof it.session !== "string" || !Number.isSafeInteger(it.from)) {
    throw codedError("envelope_invalid", "the record of a held session lacks fields");
  }
  return it;
}
