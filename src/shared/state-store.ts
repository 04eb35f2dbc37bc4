import type { JetStreamManager } from "@nats-io/jetstream";
import { headers, type NatsConnection } from "@nats-io/nats-core";
import { STATE_BUCKET, STATE_STREAM } from "./topology.ts";
import { walk } from "./walk.ts";

/** A key's value; the revision is what a conditional write names. */
export type Stored = { value: Uint8Array; revision: number };

const subjectOf = (key: string): string => `$KV.${STATE_BUCKET}.${key}`;

/** What a key holds; undefined if it was never written or was deleted. */
export async function readState(jsm: JetStreamManager, key: string): Promise<Stored | undefined> {
  const message = await jsm.direct.getMessage(STATE_STREAM, { last_by_subj: subjectOf(key) });
  if (message === null || message.header.has("KV-Operation")) return undefined;
  return { value: message.data, revision: message.seq };
}

/**
 * Every key that matches a filter such as `held.*`, with its value. Walks the bucket upwards, because "last for many subjects" ends at
 * 1,024 results; a key that is written meanwhile moves up and is met there.
 */
export async function readStates(jsm: JetStreamManager, filter: string): Promise<Map<string, Stored>> {
  const found = new Map<string, Stored>();
  for await (const message of walk(jsm, STATE_STREAM, subjectOf(filter))) {
    const key = message.subject.slice(subjectOf("").length);
    if (message.header.has("KV-Operation")) found.delete(key);
    else found.set(key, { value: message.data, revision: message.seq });
  }
  return found;
}

const WRONG_LAST_SEQUENCE = 10071;

/** Writes a key if its revision is still the given one (0: there is none). False if somebody else was faster. */
export async function writeState(
  nc: NatsConnection,
  key: string,
  value: Uint8Array,
  revision: number,
): Promise<boolean> {
  const head = headers();
  head.set("Nats-Expected-Last-Subject-Sequence", String(revision));
  const reply = await nc.request(subjectOf(key), value, { headers: head, timeout: 5000 });
  const { error } = reply.json<{ error?: { err_code: number; description: string } }>();
  if (error === undefined) return true;
  if (error.err_code === WRONG_LAST_SEQUENCE) return false;
  throw new Error(`${key} cannot be written: ${error.description}`);
}
