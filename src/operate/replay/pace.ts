/**
 * Replays per second when nobody says more. Each costs the broker an fsync of its own and the relay a request, beside live ones: measured on two
 * cores with 200 live events/s, their p99 stays as it is at 250/s and is 2.6 times as high at 500/s (`npm run faults -- --only replay`).
 * A hundred thousand events take 400 s.
 */
export const DEFAULT_RATE = 250;

/**
 * Events that may wait at the relays beyond what waited anyway. Behind more of them a live event would stand in line: a relay stops reading
 * ahead at 2,000.
 */
const MOST_WAITING = 1000;

/** Whether more may be put in: `waiting` events wait now, `lowest` is the least that was seen since the replay began. Pure. */
export function mayAdd(waiting: number, lowest: number): boolean {
  return waiting < lowest + MOST_WAITING;
}

/** This many events go at once before the rate applies: a single session is back without a wait, and 0.1 s of the broker's time is no burden. */
export const HEAD_START = 100;

/** Longest burst after a pause, seconds: who was slow does not catch up at once. */
const BURST_S = 0.1;

/** Gives out permits at a rate, evenly, after a head start. Times in milliseconds of one clock. */
export function createPace(
  rate: number,
  now: number,
): {
  /** Milliseconds until the next may go; below 1: now. */
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
