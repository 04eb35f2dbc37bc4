import { isCoded } from "../../base/errors.ts";
import { parseJsonWithin, RECORD_JSON, scanJson, type JsonLimits } from "../../base/json-scan.ts";
import type { StoredEvent } from "../follow/stored-event.ts";
import { parseSessionSubject } from "../subjects.ts";
import { mayBePushed, roleOf, type Source } from "./kinds.ts";
import { decodeSessionEnvelope, type SessionEnvelope } from "./session-envelope.ts";

/** An event of a session as every protocol shows it. */
export type SessionEvent = {
  /** Its place in the log: what a cursor names. */
  seq: number;
  /** Of what the owner says: its number in the session, without a gap. */
  n?: number;
  session_id: string;
  turn_id?: string;
  type: string;
  source: Source;
  /** JSON. */
  data: Uint8Array;
  timestamp: string;
};

/** An event that lies in the log, and cannot be shown. Its place is shown all the same, so that nobody misses it without a word. */
export type UnreadableEvent = { seq: number; type: "unreadable"; code: "schema_newer" | "envelope_invalid" };

/** Limits for the data of an event. A client's parser takes them, and its frame has room for the rest. */
export const EVENT_DATA: JsonLimits & { bytes: number } = { bytes: 960 * 1024, depth: 64, values: 100_000 };

/**
 * Reads an event of the log. Its subject says who wrote it, because the broker checks that: an envelope that says something else is not believed. Bounded, for a login
 * that was stolen can write anything. Pure.
 */
export function readSessionEvent(
  stored: StoredEvent,
): { event: SessionEvent; envelope: SessionEnvelope } | UnreadableEvent {
  const { seq, subject } = stored;
  let envelope: SessionEnvelope;
  try {
    envelope = decodeSessionEnvelope(stored.data);
  } catch (error) {
    const code = isCoded(error, "schema_newer") ? "schema_newer" : "envelope_invalid";
    return { seq, type: "unreadable", code };
  }
  if (!isAsSaid(subject, envelope) || !isShowable(envelope.body))
    return { seq, type: "unreadable", code: "envelope_invalid" };
  const { n, session, turn, kind, source, body, at } = envelope;
  return {
    envelope,
    event: {
      seq,
      ...(n === undefined ? {} : { n }),
      session_id: session,
      ...(turn === undefined ? {} : { turn_id: turn }),
      type: kind,
      source,
      data: shownData(kind, body),
      timestamp: new Date(at).toISOString(),
    },
  };
}

/** What clients see of events that have members for the programs that write and follow the log. */
const SHOWN_MEMBERS: Readonly<Record<string, readonly string[]>> = {
  created: ["user", "kind", "record"],
  owner: ["epoch"],
};

/** The data of an event as clients see them: without the names by which our programs know sessions, machines and folders. Pure. */
function shownData(kind: string, body: Uint8Array): Uint8Array {
  const members = SHOWN_MEMBERS[kind];
  if (members === undefined) return body;
  const all = (parseJsonWithin(body, RECORD_JSON) ?? {}) as Record<string, unknown>;
  const { record } = all;
  if (typeof record === "object" && record !== null) all["record"] = { ...record, prompt: undefined }; // a digest of it
  const shown = members.filter((name) => Object.hasOwn(all, name)).map((name) => [name, all[name]]);
  return Buffer.from(JSON.stringify(Object.fromEntries(shown)));
}

/** Does the envelope say what its subject says? */
function isAsSaid(subject: string, { source, kind }: SessionEnvelope): boolean {
  const address = parseSessionSubject(subject);
  const role = address && roleOf(address);
  if (role?.source !== source) return false;
  return role.type === undefined ? mayBePushed(kind) : role.type === kind;
}

/** Can these bytes be the data of an event? Pure. */
export function isShowable(data: Uint8Array): boolean {
  return data.length <= EVENT_DATA.bytes && scanJson(data, EVENT_DATA).ok;
}

/** The event as JSON, its data as they came. Pure. */
export function eventJson({ data, ...event }: SessionEvent): string {
  const { timestamp, ...head } = event;
  const body = Buffer.from(data.buffer, data.byteOffset, data.length).toString("utf8");
  return `${JSON.stringify(head).slice(0, -1)},"data":${body},"timestamp":"${timestamp}"}`;
}
