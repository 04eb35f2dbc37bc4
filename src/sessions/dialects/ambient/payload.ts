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

/** What a user message asks an agent for: the newest message of a person in the input of a run, or the text as it is. Pure. */
export function promptOf(payload: string): string {
  if (!payload.trimStart().startsWith("{")) return payload;
  let input: unknown;
  try {
    input = JSON.parse(payload);
  } catch {
    return payload;
  }
  const { messages } = input as { messages?: unknown };
  if (!Array.isArray(messages)) return payload;
  const said = messages.findLast((it: unknown) => isObject(it) && it["role"] === "user") as unknown;
  return isObject(said) && typeof said["content"] === "string" ? said["content"] : payload;
}

function isObject(it: unknown): it is Record<string, unknown> {
  return typeof it === "object" && it !== null;
}
