/** Bodies that may be held at once, read or on their way into the log. 8 of the largest; the process stays below 150 MB with them. */
export const MAX_HELD_BYTES: number = 32 * 1024 * 1024;
/** Bodies up to this size are not counted: a thousand of them are 64 MB at the very worst, and they are the hot path. */
export const SMALL_BODY_BYTES: number = 64 * 1024;

/** Bytes that large bodies share. Whoever finds none left waits for its turn, unread, so that a slow log slows its senders (BOUND-1). */
export type Budget = {
  /** Calls `granted` with a function that gives the bytes back; at once if there is room. The returned function withdraws. */
  acquire(bytes: number, granted: (release: () => void) => void): () => void;
};

type Waiting = { bytes: number; granted: (release: () => void) => void };

export function createBudget(limit: number): Budget {
  let held = 0;
  const waiting: Waiting[] = [];

  function grant({ bytes, granted }: Waiting): void {
    held += bytes;
    let open = true;
    granted(() => {
      if (!open) return;
      open = false;
      held -= bytes;
      next();
    });
  }

  function next(): void {
    for (let first = waiting[0]; first !== undefined && fits(first.bytes); first = waiting[0]) {
      waiting.shift();
      grant(first);
    }
  }

  /** Something larger than the whole budget goes alone. */
  function fits(bytes: number): boolean {
    return held === 0 || held + bytes <= limit;
  }

  return {
    acquire(bytes, granted) {
      const entry: Waiting = { bytes, granted };
      if (waiting.length === 0 && fits(bytes)) grant(entry);
      else waiting.push(entry);
      return () => {
        const i = waiting.indexOf(entry);
        if (i >= 0) waiting.splice(i, 1);
      };
    },
  };
}
