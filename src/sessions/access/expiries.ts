import type { Clock } from "../../shared/base/clock.ts";

/** Longest time that a timer can wait; longer ones would fire at once. */
const MOST_TIMER_MS = 2 ** 31 - 1;

export type Expiries = {
  /** Aborted at `at`, in milliseconds since 1970. Tokens that end in the same second share it, so that a token of many requests costs one timer. */
  signalAt(at: number): AbortSignal;
  /** Takes the timers away. */
  close(): void;
};

/** Ends the callers of tokens when those expire. */
export function createExpiries(clock: Clock): Expiries {
  const ends = new Map<number, { signal: AbortSignal; cancel: () => void }>();

  function open(second: number): AbortSignal {
    const end = new AbortController();
    const entry = { signal: end.signal, cancel: wait };
    function wait(): void {
      const left = second * 1000 - clock.wall();
      if (left > 0) {
        entry.cancel = clock.after(Math.min(left, MOST_TIMER_MS), wait);
        return;
      }
      ends.delete(second);
      end.abort();
    }
    ends.set(second, entry);
    wait();
    return end.signal;
  }

  return {
    signalAt(at) {
      const second = Math.ceil(at / 1000);
      return ends.get(second)?.signal ?? open(second);
    },
    close() {
      for (const { cancel } of ends.values()) cancel();
      ends.clear();
    },
  };
}
