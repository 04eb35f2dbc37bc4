/** Time for a client. Tests replace it. */
export type ClientClock = {
  /** Monotonic time in milliseconds. */
  now(): number;
  /** Milliseconds since 1970. */
  wall(): number;
  /** Calls `fn` after `ms` milliseconds, unless the returned function is called before. */
  after(ms: number, fn: () => void): () => void;
};

/** The system's time. Its timers keep the process alive: an executor must not end while a write waits for its next attempt. */
export const systemClock: ClientClock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  after(ms, fn) {
    const timer = setTimeout(fn, ms);
    return () => clearTimeout(timer);
  },
};
