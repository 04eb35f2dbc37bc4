let works: (() => void)[] = [];

/**
 * Runs work at the end of this turn of the event loop, together with all other such work. The NATS client writes to its socket once per callback that
 * publishes, and a write is the most expensive part of a small message (a third of the gateway's time for a passed-through request), so messages that are
 * published together are written at once. An exception is thrown after the rest has run.
 */
export function atTurnEnd(work: () => void): void {
  if (works.push(work) === 1) setImmediate(run);
}

function run(): void {
  const now = works;
  works = [];
  const failures: unknown[] = [];
  for (const work of now) {
    try {
      work();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}
