/** The timestamps of a session's events: each is later than the one before, because the coordinator sorts by them. `wall`: milliseconds since 1970. */
export function createTimestamps(wall: () => number): () => string {
  let last = 0;
  return () => {
    last = Math.max(wall() * 1000, last + 1);
    return timestampOf(last);
  };
}

/** Microseconds since 1970 as the coordinator writes them: it compares texts, and `Z` would come behind its digits. Pure. */
export function timestampOf(micros: number): string {
  const seconds = new Date(Math.floor(micros / 1000)).toISOString().slice(0, "2026-01-01T00:00:00".length);
  return `${seconds}.${String(Math.floor(micros % 1_000_000)).padStart(6, "0")}+00:00`;
}
