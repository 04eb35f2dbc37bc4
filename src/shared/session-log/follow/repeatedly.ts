import type { Clock } from "../../base/clock.ts";

/** Does something now, and again with a pause behind each time, until the returned function is called or `signal` comes. `work` does not reject. */
export function repeatedly(
  work: () => Promise<void>,
  { pauseMs, clock, signal }: { pauseMs: number; clock: Clock; signal: AbortSignal },
): () => void {
  let stopped = false;
  let cancel = (): void => undefined;
  const once = (): void =>
    void work().then(() => {
      if (!stopped && !signal.aborted) cancel = clock.after(pauseMs, once);
    });
  once();
  return () => {
    stopped = true;
    cancel();
  };
}
