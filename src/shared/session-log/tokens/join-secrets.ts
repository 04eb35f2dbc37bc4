import { randomBytes } from "node:crypto";
import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { parseJsonWithin, RECORD_JSON } from "../../base/json-scan.ts";
import { readKey, writeKey } from "../state/bucket.ts";
import { keyOf } from "../state/keys.ts";
import type { TokenSession } from "./session-token.ts";

/** What a secret is for: to begin with, or to go on. One is no use as the other. */
export type JoinUse = "join" | "refresh";

/** How long each can be used. Who starts a program gives it the secret at once; a program that has a token renews it every few minutes. */
export const JOIN_SECONDS: Record<JoinUse, number> = { join: 600, refresh: 3600 };
/** How long it is remembered that a secret was used: as long as a copy of it that is under way. */
const USED_SECONDS = 60;

const PREFIX: Record<JoinUse, string> = { join: "rrj_", refresh: "rrr_" };
const SECRET = /^rr[jr]_[\w-]{43}$/;

type Deps = { nc: NatsConnection; jsm: JetStreamManager };

/** Makes a secret that can be exchanged for a token of the session, once. It is kept by its hash. */
export async function makeJoinSecret(
  { nc }: Pick<Deps, "nc">,
  use: JoinUse,
  { user, id, name }: TokenSession,
): Promise<string> {
  const secret = `${PREFIX[use]}${randomBytes(32).toString("base64url")}`;
  const value = Buffer.from(JSON.stringify({ user, id, name }));
  await writeKey(nc, { key: keyOf.join(secret), value, revision: 0, ttlSeconds: JOIN_SECONDS[use] });
  return secret;
}

/**
 * Uses a secret up; the session that it was for. Undefined if there is none of that use, or it was used: of several at once one gets the session. It is looked up by the hash of 256 random bits, so
 * that the time of a look says nothing about those that exist. Throws `log_unreachable` if it is not known whether it is used up now.
 */
export async function useJoinSecret(
  { nc, jsm }: Deps,
  use: JoinUse,
  secret: string,
): Promise<TokenSession | undefined> {
  if (!SECRET.test(secret) || !secret.startsWith(PREFIX[use])) return undefined;
  const key = keyOf.join(secret);
  const found = await readKey(jsm, key);
  const session = found?.value && decode(found.value);
  if (found === undefined || session === undefined) return undefined;
  const { revision } = found;
  const used = await writeKey(nc, { key, value: undefined, revision, ttlSeconds: USED_SECONDS });
  return used === "conflict" ? undefined : session;
}

function decode(bytes: Uint8Array): TokenSession | undefined {
  const { user, id, name } = (parseJsonWithin(bytes, RECORD_JSON) ?? {}) as Record<string, unknown>;
  if (typeof user !== "string" || typeof id !== "string" || typeof name !== "string") return undefined;
  return { user, id, name };
}
