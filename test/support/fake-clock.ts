import type { Clock } from "../../src/shared/base/clock.ts";

/** A clock that moves when it is told to. */
export interface FakeClock extends Clock {
  /** Lets monotonic and wall time pass, running timers in order; before, between and after them promises settle. */
  pass(ms: number): Promise<void>;
  /** Lets time pass without running promises in between: for what is synchronous. */
  jump(ms: number): void;
  /** Sets the wall clock only, as an administrator would. */
  setWall(ms: number): void;
  /** Timers that wait. */
  pending(): number;
}

export function createFakeClock(): FakeClock {
  let now = 1000;
  let wall = Date.UTC(2026, 0, 1);
  let timers: { at: number; fn: () => void }[] = [];

  /** Moves to the next timer that is due until `end` and takes it out. */
  function next(end: number): (() => void) | undefined {
    const [timer] = timers.toSorted((a, b) => a.at - b.at);
    const to = timer === undefined || timer.at > end ? end : Math.max(now, timer.at);
    wall += to - now;
    now = to;
    if (timer === undefined || timer.at > end) return undefined;
    timers = timers.filter((other) => other !== timer);
    return timer.fn;
  }

  return {
    now: () => now,
    wall: () => wall,
    after(ms, fn) {
      const timer = { at: now + Math.max(0, ms), fn };
      timers.push(timer);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
    async pass(ms) {
      const end = now + ms;
      await promises();
      for (let fn = next(end); fn !== undefined; fn = next(end)) {
        fn();
        await promises();
      }
    },
    jump(ms) {
      const end = now + ms;
      for (let fn = next(end); fn !== undefined; fn = next(end)) fn();
    },
    setWall(ms) {
      wall = ms;
    },
    pending: () => timers.length,
  };
}

/** One turn of the event loop, after which promises that could settle have. */
export function promises(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
