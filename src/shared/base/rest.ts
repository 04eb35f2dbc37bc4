import type { Clock } from "./clock.ts";

/** Resolves after this many milliseconds, or at once when the signal aborts. Never keeps the process alive. */
export function rest(clock: Pick<Clock, "after">, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve();
    let cancel = (): void => undefined;
    const over = (): void => {
      cancel();
      signal?.removeEventListener("abort", over);
      resolve();
    };
    cancel = clock.after(ms, over);
    signal?.addEventListener("abort", over, { once: true });
  });
}
