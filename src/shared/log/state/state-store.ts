import type { JetStreamManager, StoredMsg } from "@nats-io/jetstream";
import { headers, type MsgHdrs, type NatsConnection } from "@nats-io/nats-core";
import { STATE_BUCKET, STATE_STREAM } from "../schema/topology.ts";
import { askLeader } from "../follow/leader.ts";
import { walk } from "../follow/walk.ts";

/** A key's value. A conditional write names the revision. `at`: when it was written, milliseconds since 1970. */
export type Stored = { value: Uint8Array; revision: number; at: number };

const subjectOf = (key: string): string => `$KV.${STATE_BUCKET}.${key}`;

/** The value of a key, asked of the bucket's leader. Undefined if it was never written, or was deleted. */
export async function readState(jsm: JetStreamManager, key: string): Promise<Stored | undefined> {
  const message = await readLast(jsm, key);
  if (message === null || message.header.has("KV-Operation")) return undefined;
  return storedOf(message);
}

/** The revision that a conditional write of a key must name now. A deletion has one too; 0 if the key was never written. */
export async function readRevision(jsm: JetStreamManager, key: string): Promise<number> {
  return (await readLast(jsm, key))?.seq ?? 0;
}

/** The newest write of a key, which may be a deletion, as the bucket's leader has it; null for none. */
export function readLast(jsm: JetStreamManager, key: string): Promise<StoredMsg | null> {
  return askLeader(jsm, STATE_STREAM, { last_by_subj: subjectOf(key) });
}

/** Values are small: 50,000 of them are read in 0.6 s, with pages of 1,000 in 1.6 s. */
const PAGE = 5000;

/** Every key that matches a filter such as `held.*`, with its value. */
export function readStates(jsm: JetStreamManager, filter: string): Promise<Map<string, Stored>> {
  return decodeStates(jsm, filter, (stored) => stored);
}

/**
 * The same, with the result of `decode` instead of each value, because a value as it came keeps its whole page in memory. Walks the bucket upwards, because
 * "last for many subjects" ends at 1,024 results. A key that is written meanwhile moves up and is found there.
 */
export async function decodeStates<T>(
  jsm: JetStreamManager,
  filter: string,
  decode: (stored: Stored, key: string) => T,
): Promise<Map<string, T>> {
  const found = new Map<string, T>();
  for await (const message of walkState(jsm, filter)) {
    const key = message.subject.slice(subjectOf("").length);
    if (message.header.has("KV-Operation")) found.delete(key);
    else found.set(key, decode(storedOf(message), key));
  }
  return found;
}

/** How long a copy of the bucket may be behind its leader before a reader gives up, and how often it looks. */
const LAG = { looks: 100, pauseMs: 100 };

/**
 * Every write of the keys that match a filter, upwards from a revision, deletions too. Pages come from any copy of the bucket, and one that lags behind ends
 * too early, or has nothing. So it is over only when it reached what the leader named as the newest one at the start. Throws if no copy gets there in 10 s.
 */
export async function* walkState(jsm: JetStreamManager, filter: string, from = 1): AsyncGenerator<StoredMsg> {
  let next = from;
  for (let look = 1; ; look++) {
    const newest = (await readLast(jsm, filter))?.seq ?? 0;
    if (newest < next) return;
    for await (const message of walk(jsm, STATE_STREAM, subjectOf(filter), next, PAGE)) {
      next = message.seq + 1;
      yield message;
    }
    if (newest < next) return;
    if (look === LAG.looks) throw new Error(`a copy of ${STATE_STREAM} is behind its leader`);
    await new Promise((resolve) => setTimeout(resolve, LAG.pauseMs));
  }
}

function storedOf({ data, seq, time }: StoredMsg): Stored {
  return { value: data, revision: seq, at: time.getTime() };
}

const WRONG_LAST_SEQUENCE = 10071;
const TIMEOUT_MS = 5000;
/** How long a deletion is remembered, so that processes that follow the bucket notice it. */
const TOMBSTONE_SECONDS: number = 24 * 60 * 60;

/** Writes a key if its revision is still the given one (0: there is none). False if it was written in between. */
export async function writeState(
  nc: NatsConnection,
  key: string,
  value: Uint8Array,
  revision: number,
): Promise<boolean> {
  const head = headers();
  head.set("Nats-Expected-Last-Subject-Sequence", String(revision));
  return (await publish(nc, key, value, head)) !== undefined;
}

/** Writes a key whatever it holds. Returns its new revision. */
export async function putState(nc: NatsConnection, key: string, value: Uint8Array): Promise<number> {
  const revision = await publish(nc, key, value, headers());
  if (revision === undefined) throw new Error(`${key} cannot be written: wrong last sequence`);
  return revision;
}

/** Deletes a key if its revision is still the given one. False if it was written in between. */
export async function deleteState(nc: NatsConnection, key: string, revision: number): Promise<boolean> {
  const head = headers();
  head.set("KV-Operation", "DEL");
  head.set("Nats-TTL", `${TOMBSTONE_SECONDS}s`);
  head.set("Nats-Expected-Last-Subject-Sequence", String(revision));
  return (await publish(nc, key, new Uint8Array(), head)) !== undefined;
}

/** Publishes a value. Undefined if the key has another revision. */
async function publish(
  nc: NatsConnection,
  key: string,
  value: Uint8Array,
  head: MsgHdrs,
): Promise<number | undefined> {
  const reply = await nc.request(subjectOf(key), value, { headers: head, timeout: TIMEOUT_MS });
  const { seq, error } = reply.json<{ seq?: number; error?: { err_code: number; description: string } }>();
  if (error?.err_code === WRONG_LAST_SEQUENCE) return undefined;
  // a refusal says `"seq": 0`, so that the sequence alone proves nothing
  if (error !== undefined || !seq)
    throw new Error(`${key} cannot be written: ${error?.description ?? "no sequence"}`);
  return seq;
}
