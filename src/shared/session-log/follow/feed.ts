import type { StoredEvent } from "./stored-event.ts";

/** What a watcher gets from the hub until it leaves. */
export type Feed = {
  push(event: StoredEvent): void;
  /** No more comes; what waits is forgotten. The first reason counts. */
  end(why: FeedEnd): void;
  /** Why there are no more; undefined while there may be. */
  ended(): FeedEnd | undefined;
  /** The next event, or why there are none any more. */
  next(): Promise<StoredEvent | FeedEnd>;
};

export type FeedEnd =
  /** The watcher is too slow, or events were removed before they could be handed out: it reads on from the log. */
  | "rejoin"
  /** The log is another one. */
  | "reset"
  /** The session is. */
  | "deleted"
  /** The watcher left. */
  | "stopped";

/** What an event costs beside its data. */
const OVERHEAD_BYTES = 200;

/** A queue that holds at most `limit` bytes. Beyond that it forgets everything: the log has it, and a watcher that is that slow reads there. */
export function createFeed(limit: number): Feed {
  let queue: StoredEvent[] = [];
  let bytes = 0;
  let ended: FeedEnd | undefined;
  let wake = (): void => undefined;

  function end(why: FeedEnd): void {
    ended ??= why;
    queue = [];
    wake();
  }

  return {
    push(event) {
      if (ended !== undefined) return;
      bytes += event.data.length + OVERHEAD_BYTES;
      if (bytes > limit) return end("rejoin");
      queue.push(event);
      wake();
    },
    end,
    ended: () => ended,
    async next() {
      for (;;) {
        if (ended !== undefined) return ended;
        const event = queue.shift();
        if (event !== undefined) {
          bytes -= event.data.length + OVERHEAD_BYTES;
          return event;
        }
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
}
