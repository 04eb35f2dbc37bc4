/** A worker that is free begins a turn within a second, one that takes over from another within this time. */
const PATIENCE_MS = 5000;

/** Says once that a turn has not begun, so that nobody waits for a worker that is not there. */
export type Waiting = { begun(): void; hasBegun(): boolean } & Disposable;

export function sayIfWaiting(note: (text: string) => void): Waiting {
  const timer = setTimeout(
    () =>
      note(
        "the turn is stored and has not begun: another turn of the session runs, or no worker does (its log, or that of `up`, says why)",
      ),
    PATIENCE_MS,
  );
  let hasBegun = false;
  const stop = (): void => clearTimeout(timer);
  return {
    begun() {
      hasBegun = true;
      stop();
    },
    hasBegun: () => hasBegun,
    [Symbol.dispose]: stop,
  };
}
