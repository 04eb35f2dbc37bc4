import { parseCursor, type Cursor } from "../../shared/session-log/follow/cursor.ts";

/** Where a stream begins: above a cursor, or with what is stored from now on. */
export type Start = Cursor | "latest";

/**
 * Where an SSE stream begins. A browser that comes back sends the address that it was opened with,
 * and `Last-Event-ID` beside it, so that the header counts. Undefined for what is no cursor. Pure.
 */
export function startOf(after: unknown, lastEventId?: string): Start | undefined {
  if (lastEventId !== undefined && lastEventId !== "") return parseCursor(lastEventId);
  if (after === undefined || after === "") return { seq: 0 };
  if (after === "latest") return "latest";
  if (typeof after === "number") return Number.isInteger(after) ? parseCursor(String(after)) : undefined;
  return typeof after === "string" ? parseCursor(after) : undefined;
}
