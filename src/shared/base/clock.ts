/** Time as the product sees it. Decisions use `now` (monotonic); `wall` is for display, retention and token expiry only (docs/contract.md, "Clocks"). */
export interface Clock {
  /** Monotonic milliseconds. */
  now(): number;
  /** Milliseconds since 1970. */
  wall(): number;
  /** Runs `fn` once after `ms`, soon if that is over; the returned function cancels it. Never keeps the process alive. */
  after(ms: number, fn: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  after(ms, fn) {
    const timer = setTimeout(fn, Math.max(0, ms)); // a process that stood still may be late, and Node warns of a negative time
    timer.unref();
    return () => clearTimeout(timer);
  },
};
