import { eventJson, readSessionEvent } from "../../shared/session-log/event/session-event.ts";
import { showCursor } from "../../shared/session-log/follow/cursor.ts";
import type { StoredEvent } from "../../shared/session-log/follow/stored-event.ts";
import type { Closing } from "./closing.ts";
import type { Sent } from "./follow.ts";
import { sseBytes } from "./sse-bytes.ts";

/**
 * An event's bytes are made once in a process, whatever the number of its watchers: the hub hands the
 * same object to all of them. They go with it.
 */
const jsonOf = new WeakMap<StoredEvent, Buffer>();
const sseOf = new WeakMap<StoredEvent, { log: string; bytes: Buffer }>();

/** An item as one frame of a WebSocket: JSON. */
export function socketFrame(item: Sent): Uint8Array {
  return item.kind === "event" ? eventBytes(item.event) : Buffer.from(markJson(item));
}

/** An item as an event of an SSE stream. Only events of the log carry an id: what else is sent is not a place to come back to. */
export function sseFrame(item: Sent): Uint8Array {
  if (item.kind !== "event") return sseBytes(Buffer.from(markJson(item)));
  const { event, log } = item;
  const made = sseOf.get(event);
  if (made?.log === log) return made.bytes;
  const bytes = sseBytes(eventBytes(event), showCursor(event.seq, log));
  sseOf.set(event, { log, bytes });
  return bytes;
}

/** The last words of a stream. `last`: the newest event that was sent. */
export function closedJson(reason: Closing, last: number): string {
  return JSON.stringify({ type: "closed", reason, last });
}

function eventBytes(event: StoredEvent): Buffer {
  const made = jsonOf.get(event);
  if (made !== undefined) return made;
  const read = readSessionEvent(event);
  const bytes = Buffer.from("event" in read ? eventJson(read.event) : JSON.stringify(read));
  jsonOf.set(event, bytes);
  return bytes;
}

/** What is said beside events, with its position. Pure. */
function markJson(item: Exclude<Sent, { kind: "event" }>): string {
  switch (item.kind) {
    case "gap":
      return JSON.stringify({ type: "gap", from: item.from, to: item.to, log: item.log });
    case "reset":
      return JSON.stringify({ type: "reset", log: item.log });
    case "caught_up":
      return JSON.stringify({ type: "caught_up", last: item.last, log: item.log });
  }
}
