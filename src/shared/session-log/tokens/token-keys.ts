import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { parseJsonWithin, RECORD_JSON } from "../../base/json-scan.ts";
import { readKey, writeKey } from "../state/bucket.ts";
import { keyOf } from "../state/keys.ts";

/** The public half of a key that signs tokens, as in a JWKS. */
export type TokenKey = { kty: "EC"; crv: "P-256"; x: string; y: string; kid: string };

/** Names of keys are 128 random bits: nobody meets another's. */
const KID = /^[\w-]{22}$/;
const COORDINATE = /^[\w-]{43}$/;

/** Lets every server know a key. Nothing is signed with it before that. Throws `log_unreachable` and `sessions_full`. */
export async function publishTokenKey(nc: NatsConnection, key: TokenKey, ttlSeconds: number): Promise<void> {
  const value = Buffer.from(JSON.stringify(key));
  await writeKey(nc, { key: keyOf.tokenKey(key.kid), value, ttlSeconds });
}

/** The key of this name, as the leader has it; undefined if there is none, or none any more. */
export async function readTokenKey(jsm: JetStreamManager, kid: string): Promise<TokenKey | undefined> {
  if (!KID.test(kid)) return undefined;
  const found = await readKey(jsm, keyOf.tokenKey(kid));
  return found?.value && decodeTokenKey(kid, found.value);
}

/** Pure. */
export function decodeTokenKey(kid: string, bytes: Uint8Array): TokenKey | undefined {
  const it = parseJsonWithin(bytes, RECORD_JSON) as Partial<Record<keyof TokenKey, unknown>> | undefined;
  if (it === undefined || it === null || it.kid !== kid) return undefined;
  const { kty, crv, x, y } = it;
  if (kty !== "EC" || crv !== "P-256" || typeof x !== "string" || typeof y !== "string") return undefined;
  return COORDINATE.test(x) && COORDINATE.test(y) ? { kty, crv, x, y, kid } : undefined;
}
