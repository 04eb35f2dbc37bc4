import type { StoredEvent } from "./stored-event.ts";

/** What a watcher gets from the hub until it leaves. */
export type Feed = {
  /** The hub's side. */
  push(event: StoredEvent): void;
  reset(): void;
  /** The watcher's side: the next event, or why there are none any more. */
  next(): Promise<StoredEvent | FeedEnd>;
  stop(): void;
};

/** `overflow`: the watcher is too slow. `reset`: the log is another one. `stopped`: the watcher left. */
export type FeedEnd = "overflow" | "reset" | "stopped";

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
      if (bytes > limit) return end("overflow");
      queue.push(event);
      wake();
    },
    reset: () => end("reset"),
    stop: () => end("stopped"),
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
