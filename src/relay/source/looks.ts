import type { Clock } from "../../shared/base/clock.ts";

/** Looks that follow each other. */
export type Looks = { start(): void; stop(): void };

/** Looks again and again, from `start` to `stop`: each time `waitMs()` after the last look has ended. `look` never rejects. */
export function createLooks(
  clock: Pick<Clock, "after">,
  { waitMs, look }: { waitMs: () => number; look: () => Promise<void> },
): Looks {
  let cancel: (() => void) | undefined;

  function wait(): void {
    const mine = clock.after(waitMs(), () => {
      void look().finally(() => {
        if (cancel === mine) wait(); // otherwise it was ended meanwhile
      });
    });
    cancel = mine;
  }

  return {
    start() {
      if (cancel === undefined) wait();
    },
    stop() {
      cancel?.();
      cancel = undefined;
    },
  };
}
