/** Frames that a socket may send at once. A person and a program that drives turns need a few. */
export const FRAMES_AT_ONCE = 200;
/** Frames per second that it may send for long. */
export const FRAMES_PER_SECOND = 50;

/** Bytes of large frames that are handled per second for long. One of 1 MiB takes some 20 ms of everybody's time to read. */
export const BYTES_PER_SECOND: number = 4 * 1024 * 1024;
/** Frames up to this size are no large ones. */
const SMALL_BYTES: number = 16 * 1024;

/** How long a socket's next frame waits behind one of this size, milliseconds, so that others have their turn. Pure. */
export function pauseBehind(bytes: number): number {
  return bytes <= SMALL_BYTES ? 0 : (bytes / BYTES_PER_SECOND) * 1000;
}

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
