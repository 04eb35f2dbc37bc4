import type { Lane } from "./lane.ts";

/** Bodies of one batch together, bytes. */
const MAX_BATCH_BYTES: number = 1024 * 1024;

/** How many entries from the head may go as one batch: events that are whole and not condemned, at most `most`. Pure. */
export function batchSize(lane: Lane, most: number): number {
  let count = 0;
  let bytes = 0;
  for (; count < most; count++) {
    const entry = lane.peek(count);
    if (entry?.envelope?.kind !== "event" || entry.death !== undefined) break;
    bytes += entry.bytes;
    if (count > 0 && bytes > MAX_BATCH_BYTES) break;
  }
  return Math.max(1, count);
}
