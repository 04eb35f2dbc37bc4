import type { JetStreamManager } from "@nats-io/jetstream";
import { headers, type NatsConnection } from "@nats-io/nats-core";
import { codedError, errorText } from "../../base/errors.ts";
import { answerOf } from "../append/answer.ts";
import { SESSION_STATE_STREAM } from "../topology.ts";
import { keySubject } from "./keys.ts";

/** What a key holds. `value` is undefined after a deletion, which has a revision as well. */
export type Key = { revision: number; value: Uint8Array | undefined };

export type KeyWrite = {
  key: string;
  /** Undefined deletes the key. */
  value: Uint8Array | undefined;
  /** The revision that the key must have (0: none). Without it the write comes behind whatever there is. */
  revision?: number;
  /** The broker removes the key after this time. */
  ttlSeconds?: number;
  /** How long an answer is awaited. */
  patienceMs?: number;
};

const ANSWER_MS = 2000;

/** The newest write of a key, asked of the leader, because copies may be behind. Undefined if there never was one. */
export async function readKey(jsm: JetStreamManager, key: string): Promise<Key | undefined> {
  const found = await jsm.streams.getMessage(SESSION_STATE_STREAM, { last_by_subj: keySubject(key) });
  if (found === null) return undefined;
  return { revision: found.seq, value: isDeletion(found.header) ? undefined : found.data };
}

/** A deletion as clients write it, or as the broker does when a key's time is over. Pure. */
function isDeletion(header: { has(name: string): boolean }): boolean {
  return header.has("KV-Operation") || header.has("Nats-Marker-Reason");
}

/**
 * Writes a key. The new revision, or `conflict` if it has another one. Throws `sessions_full`, and `log_unreachable` if it is not known what became of it: then it may be
 * written, and the caller reads it.
 */
export async function writeKey(nc: NatsConnection, write: KeyWrite): Promise<number | "conflict"> {
  const { key, value, revision, ttlSeconds, patienceMs: timeout = ANSWER_MS } = write;
  const head = headers();
  if (value === undefined) head.set("KV-Operation", "DEL");
  if (revision !== undefined) head.set("Nats-Expected-Last-Subject-Sequence", String(revision));
  if (ttlSeconds !== undefined) head.set("Nats-TTL", `${ttlSeconds}s`);
  const answer = await nc
    .request(keySubject(key), value ?? new Uint8Array(), { headers: head, timeout })
    .then((reply) => answerOf(reply.string()))
    .catch((error: unknown) => ({ kind: "unknown" as const, detail: errorText(error) }));
  if (answer.kind === "stored") return answer.seq;
  if (answer.kind === "conflict") return "conflict";
  const full = answer.kind === "refused" && answer.full;
  throw codedError(full ? "sessions_full" : "log_unreachable", `${key} is not written: ${answer.detail}`);
}
