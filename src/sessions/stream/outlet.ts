import type { Clock } from "../../shared/base/clock.ts";

/** Where a stream's frames go. */
export type Outlet = {
  /** Hands bytes on. False: enough is waiting to be sent, and nothing more should come before `drained`. */
  send(bytes: Uint8Array): boolean;
  /** True when the outlet takes more; false after `ms`, or when `signal` comes. */
  drained(ms: number, signal: AbortSignal): Promise<boolean>;
};

/** Bytes that wait in this process for one client. Beyond that its events are left to the log. */
export const OUTLET_BYTES: number = 64 * 1024;

/** Lets those go on that wait for something that was full. */
export type Tap = {
  /** It takes more. */
  open(): void;
  drained: Outlet["drained"];
};

/** `full` says how it is now. */
export function createTap(clock: Clock, full: () => boolean): Tap {
  const waiting = new Set<() => void>();
  return {
    open() {
      for (const wake of waiting) wake();
    },
    drained(ms, signal) {
      if (signal.aborted || !full()) return Promise.resolve(!signal.aborted);
      const { promise, resolve } = Promise.withResolvers<boolean>();
      const wake = (): void => resolve(true);
      const stop = (): void => resolve(false);
      const cancel = clock.after(ms, stop);
      waiting.add(wake);
      signal.addEventListener("abort", stop);
      return promise.finally(() => {
        cancel();
        waiting.delete(wake);
        signal.removeEventListener("abort", stop);
      });
    },
  };
}
