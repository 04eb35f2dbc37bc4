/**
 * Default rate of replayed events per second. Each event costs the broker an fsync and the relay a request, besides the live ones. Measured on two
 * cores with 200 live events/s: at 250/s the p99 of live events does not change, at 500/s it is 2.6 times as high (`npm run faults -- --only
 * replay`). A hundred thousand events take 400 s.
 */
export const DEFAULT_RATE = 250;

/**
 * How many events a replay may add to the backlog at the relays. A relay stops reading ahead at 2,000, so with more of them live events would
 * have to queue behind.
 */
const MOST_WAITING = 1000;

/** True if more events may be added. `waiting`: events pending now. `lowest`: the least seen since the replay began. Pure. */
export function mayAdd(waiting: number, lowest: number): boolean {
  return waiting < lowest + MOST_WAITING;
}

/** This many events are sent at once before the rate applies, so that a single session needs no wait. They cost the broker only 0.1 s. */
export const HEAD_START = 100;

/** Longest burst after a pause, in seconds of the rate, so that a slow replay does not catch up all at once. */
const BURST_S = 0.1;

/** Gives out permits evenly at a rate, after a head start. Times are milliseconds of one clock. */
export function createPace(
  rate: number,
  now: number,
): {
  /** Milliseconds until the next permit. Below 1: now. */
  due(now: number): number;
  took(): void;
} {
  let next = now;
  let free = HEAD_START;
  const gap = 1000 / rate;
  return {
    due(at) {
      if (free > 0) return 0;
      next = Math.max(next, at - BURST_S * 1000);
      return Math.max(0, next - at);
    },
    took() {
      if (free > 0) free--;
      else next += gap;
    },
  };
}
