import type { ClientClock } from "../clock.ts";

/** A signal of its own that also follows others. */
export type Leash = {
  signal: AbortSignal;
  abort(reason: unknown): void;
  /** Stops following. */
  release(): void;
};

/** Does what `AbortSignal.any` does, which early releases of Node 20 do not have, and forgets the others when it is released. */
export function leashed(signals: readonly (AbortSignal | undefined)[]): Leash {
  const own = new AbortController();
  const releases: (() => void)[] = [];
  for (const signal of signals) {
    if (signal === undefined) continue;
    const follow = (): void => own.abort(signal.reason);
    if (signal.aborted) follow();
    signal.addEventListener("abort", follow);
    releases.push(() => signal.removeEventListener("abort", follow));
  }
  return {
    signal: own.signal,
    abort: (reason) => own.abort(reason),
    release: () => releases.forEach((release) => release()),
  };
}

/** Waits. Rejects with the signal's reason if that comes first. */
export function pause(clock: ClientClock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason as Error);
    let cancel = (): void => undefined;
    const stop = (): void => {
      cancel();
      reject(signal.reason as Error);
    };
    cancel = clock.after(ms, () => {
      signal.removeEventListener("abort", stop);
      resolve();
    });
    signal.addEventListener("abort", stop, { once: true });
  });
}
