import type { Clock } from "../../../../src/shared/base/clock.ts";

export interface FakeClock extends Clock {
  /** Lets monotonic and wall time pass, running timers in order; between timers, promises settle. */
  pass(ms: number): Promise<void>;
  /** Sets the wall clock only, as an administrator would. */
  setWall(ms: number): void;
  /** Timers that wait. */
  pending(): number;
}

export function fakeClock(): FakeClock {
  let now = 1000;
  let wall = Date.UTC(2026, 0, 1);
  let timers: { at: number; fn: () => void }[] = [];

  async function pass(ms: number): Promise<void> {
    const end = now + ms;
    await settled();
    for (;;) {
      const next = timers.toSorted((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > end) break;
      timers = timers.filter((timer) => timer !== next);
      wall += next.at - now;
      now = next.at;
      next.fn();
      await settled();
    }
    wall += end - now;
    now = end;
  }

  return {
    now: () => now,
    wall: () => wall,
    after(ms, fn) {
      const timer = { at: now + ms, fn };
      timers.push(timer);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
    pass,
    setWall(ms) {
      wall = ms;
    },
    pending: () => timers.length,
  };
}

/** One turn of the event loop, after which promises that could settle have. */
export function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
