import type { Clock } from "../../../src/shared/base/clock.ts";

/** A clock that moves only when a test moves it. */
export function createManualClock(): Clock & { advance(ms: number): void } {
  let now = 0;
  let timers: { at: number; fn: () => void }[] = [];
  return {
    now: () => now,
    wall: () => now,
    after(ms, fn) {
      const timer = { at: now + ms, fn };
      timers.push(timer);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
    advance(ms) {
      now += ms;
      for (const due of timers.filter((timer) => timer.at <= now)) {
        timers = timers.filter((timer) => timer !== due);
        due.fn();
      }
    },
  };
}
