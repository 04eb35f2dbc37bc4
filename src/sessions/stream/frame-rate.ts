/** Frames that a socket may send at once. A person and a program that drives turns need a few. */
export const FRAMES_AT_ONCE = 200;
/** Frames per second that it may send for long. */
export const FRAMES_PER_SECOND = 50;

/** Counts a socket's frames. `take` is false for one too many. */
export type FrameRate = { take(): boolean };

/** A token bucket. `now`: monotonic milliseconds. */
export function createFrameRate(now: () => number): FrameRate {
  let left = FRAMES_AT_ONCE;
  let at = now();
  return {
    take() {
      const time = now();
      left = Math.min(FRAMES_AT_ONCE, left + ((time - at) * FRAMES_PER_SECOND) / 1000);
      at = time;
      if (left < 1) return false;
      left--;
      return true;
    },
  };
}
