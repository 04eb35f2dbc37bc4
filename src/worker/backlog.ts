/** Events of a turn that may wait for the log before its agent is slowed down. The log stores them one after the other, so that more would only cost memory, and delay the turn's end. */
export const MOST_WAITING = 16;

/** The events of a turn that wait for the log. */
export type Backlog = {
  /** One more, until `stored` settles. */
  add(stored: Promise<unknown>): void;
  /** Resolves when there is room for another one, or when nothing is said any more. */
  room(): Promise<void>;
};

/** `ended`: nothing is said any more. */
export function createBacklog(ended: AbortSignal): Backlog {
  let waiting = 0;
  let free = Promise.withResolvers<void>();
  const open = (): void => {
    free.resolve();
    free = Promise.withResolvers();
  };
  const gone = (): void => {
    waiting--;
    open();
  };
  ended.addEventListener("abort", open, { once: true });
  return {
    add(stored) {
      waiting++;
      stored.then(gone, gone);
    },
    async room() {
      while (waiting >= MOST_WAITING && !ended.aborted) await free.promise;
    },
  };
}
