import { parseJsonWithin } from "../../../shared/base/json-scan.ts";
import { EVENT_DATA, type SessionEvent } from "../../../shared/session-log/event/session-event.ts";

/** The data of an event. These clients expect an object. Pure. */
export function eventData({ data }: Pick<SessionEvent, "data">): Record<string, unknown> {
  const value = parseJsonWithin(data, EVENT_DATA);
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  return { value };
}
