import type { Msg, MsgHdrs } from "@nats-io/nats-core";
import { SESSION_STATE_BUCKET, SESSION_STATE_STREAM, SESSIONS_STREAM } from "../topology.ts";

/** An event of a session as it lies in the log, or a key as it lies in the bucket. */
export type StoredEvent = { seq: number; subject: string; data: Uint8Array };

/** One that was read from the log. `at`: when the broker stored it, milliseconds since 1970. */
export type ReadEvent = StoredEvent & { at: number };

/** What is read by direct gets, and with what its subjects begin. */
export type Store = { stream: string; prefix: string };
export const SESSIONS_LOG: Store = { stream: SESSIONS_STREAM, prefix: "rr.ses." };
export const SESSION_STATE: Store = { stream: SESSION_STATE_STREAM, prefix: `$KV.${SESSION_STATE_BUCKET}.` };

const LIVE = "rr.live.";

/**
 * The event that the broker published as it was stored. Undefined for anything else: a client can have the broker answer to any subject, and so hand out under
 * `rr.live` a message of another stream that it stored with the headers of an event. The broker adds its own headers to those, so that what has one of them twice is
 * not believed. Nothing is lost by that: the hub reads in the log what it did not hear. Pure.
 */
export function heardEvent({ subject, headers, data }: Msg): StoredEvent | undefined {
  if (headers === undefined) return undefined;
  const once = (name: string): string => {
    const values = headers.values(name);
    return values.length === 1 ? (values[0] ?? "") : "";
  };
  const event = eventOf(SESSIONS_LOG, once, data);
  return event?.subject.slice(SESSIONS_LOG.prefix.length) === subject.slice(LIVE.length) ? event : undefined;
}

/**
 * The event that the broker answers to us out of a store. Its own headers come last, behind those that the event was stored with. Undefined for what is no event.
 * Pure.
 */
export function readEvent(
  store: Store,
  headers: MsgHdrs | undefined,
  data: Uint8Array,
): ReadEvent | undefined {
  if (headers === undefined) return undefined;
  const last = (name: string): string => headers.values(name).at(-1) ?? "";
  const event = eventOf(store, last, data);
  return event && { ...event, at: Date.parse(last("Nats-Time-Stamp")) || 0 };
}

function eventOf(
  { stream, prefix }: Store,
  header: (name: string) => string,
  data: Uint8Array,
): StoredEvent | undefined {
  if (header("Nats-Stream") !== stream) return undefined;
  const seq = Number(header("Nats-Sequence"));
  const subject = header("Nats-Subject");
  if (!Number.isSafeInteger(seq) || seq < 1 || !subject.startsWith(prefix)) return undefined;
  return { seq, subject, data };
}
