/**
 * Listens for requests to stop this command: the first Ctrl-C calls `first`, later ones `second`, until it is disposed of. SIGTERM counts as one.
 */
export function onInterrupts(calls: { first: () => void; second: () => void }): Disposable {
  let heard = 0;
  const hear = (): void => (++heard === 1 ? calls.first() : calls.second());
  process.on("SIGINT", hear);
  process.on("SIGTERM", hear);
  return {
    [Symbol.dispose]() {
      process.off("SIGINT", hear);
      process.off("SIGTERM", hear);
    },
  };
}
