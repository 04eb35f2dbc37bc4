/**
 * Replays per second when nobody says more. A relay on two cores drains several thousand events a second (docs/performance.md), so that
 * a replay takes about a tenth of that and live events keep the rest; a hundred thousand events take 200 s.
 */
export const DEFAULT_RATE = 500;

/**
 * Events that may wait at the relays beyond what waited anyway. Behind more of them a live event would stand in line: a relay stops reading
 * ahead at 2,000.
 */
const MOST_WAITING = 1000;

/** Whether more may be put in: `waiting` events wait now, `lowest` is the least that was seen since the replay began. Pure. */
export function mayAdd(waiting: number, lowest: number): boolean {
  return waiting < lowest + MOST_WAITING;
}

/** Longest burst after a pause, seconds: who was slow does not catch up at once. */
const BURST_S = 0.1;

/** Gives out permits at a rate, evenly. Times in milliseconds of one clock. */
export function createPace(
  rate: number,
  now: number,
): {
  /** Milliseconds until the next may go; below 1: now. */
  due(now: number): number;
  took(): void;
} {
  let next = now;
  const gap = 1000 / rate;
  return {
    due(at) {
      next = Math.max(next, at - BURST_S * 1000);
      return Math.max(0, next - at);
    },
    took() {
      next += gap;
    },
  };
}
