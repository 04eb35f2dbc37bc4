import { isShowable } from "../../../shared/session-log/event/session-event.ts";

// A payload is text of any form, and the data of an event are JSON. JSON objects and arrays are stored as they came; all other text as one JSON string.

/** The data of an event that has this payload. Pure. */
export function dataOf(payload: string): Uint8Array {
  const bytes = Buffer.from(payload);
  return /^\s*[{[]/.test(payload) && isShowable(bytes) ? bytes : Buffer.from(JSON.stringify(payload));
}

/** The payload that an event's data are. What was pushed by another protocol is its JSON. Pure. */
export function payloadOf(data: Uint8Array): string {
  const text = Buffer.from(data.buffer, data.byteOffset, data.length).toString("utf8");
  return text.startsWith('"') ? (JSON.parse(text) as string) : text;
}
