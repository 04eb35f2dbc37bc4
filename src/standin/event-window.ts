import type { JsonObject } from "./validation.ts";

/** An event as it was stored: its number in the whole coordinator, and the body as it came. */
export type StoredEvent = { id: number; timestamp: string; body: JsonObject };

/** `GET …/events` never returns more. */
const READ_LIMIT = 100;

/** What is kept of a session's events, so that a million of them do not fill the memory: what any read could show. */
export type EventWindow = {
  /** All events that were stored, those that are no longer kept included. */
  readonly count: number;
  add(event: StoredEvent): void;
  /** The first hundred by the event's own timestamp; equal timestamps come back in reversed order. */
  first(): readonly StoredEvent[];
  /** The `result` event with the latest timestamp, the first one stored of equals. */
  result(): StoredEvent | undefined;
  copy(): EventWindow;
};

export function createEventWindow(): EventWindow {
  return windowOf([], undefined, 0);
}

function windowOf(first: StoredEvent[], result: StoredEvent | undefined, count: number): EventWindow {
  return {
    get count() {
      return count;
    },
    add(event) {
      count++;
      if (
        event.body["event_type"] === "result" &&
        (result === undefined || event.timestamp > result.timestamp)
      ) {
        result = event;
      }
      const last = first[READ_LIMIT - 1];
      if (last !== undefined && event.timestamp > last.timestamp) return;
      first.splice(placeOf(event.timestamp, first), 0, event);
      if (first.length > READ_LIMIT) first.pop();
    },
    first: () => first,
    result: () => result,
    copy: () => windowOf([...first], result, count),
  };
}

/** Before the first one that is not earlier: binary search, but most events come in order and go to the end. */
function placeOf(timestamp: string, sorted: readonly StoredEvent[]): number {
  let low = 0;
  let high = sorted.length;
  if (high === 0 || (sorted[high - 1]?.timestamp ?? "") < timestamp) return high;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle]?.timestamp ?? "") < timestamp) low = middle + 1;
    else high = middle;
  }
  return low;
}
