import type { Msg, MsgHdrs } from "@nats-io/nats-core";
import { SESSIONS_STREAM } from "../topology.ts";

/** An event of a session as it lies in the log. */
export type StoredEvent = { seq: number; subject: string; data: Uint8Array };

const STORED = "rr.ses.";
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
  const event = eventOf(once, data);
  return event?.subject.slice(STORED.length) === subject.slice(LIVE.length) ? event : undefined;
}

/**
 * The event that the broker answers to us out of the log. Its own headers come last, behind those that the event was stored with. Undefined for what is no event.
 * Pure.
 */
export function readEvent(headers: MsgHdrs | undefined, data: Uint8Array): StoredEvent | undefined {
  return headers === undefined ? undefined : eventOf((name) => headers.values(name).at(-1) ?? "", data);
}

function eventOf(header: (name: string) => string, data: Uint8Array): StoredEvent | undefined {
  if (header("Nats-Stream") !== SESSIONS_STREAM) return undefined;
  const seq = Number(header("Nats-Sequence"));
  const subject = header("Nats-Subject");
  if (!Number.isSafeInteger(seq) || seq < 1 || !subject.startsWith(STORED)) return undefined;
  return { seq, subject, data };
}
