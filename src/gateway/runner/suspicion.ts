import type { Clock } from "../../shared/base/clock.ts";

/**
 * How long after a broken poll its abandoned handler may still claim a run or hold one: 30 s of the poll, 300 s of a start hook, and 5 s more.
 */
export const SUSPICIOUS_MS = 335_000;
/** Between two looks for one runner. */
const LOOK_PAUSE_MS = 2000;
/** A gateway serves a few runners. The bound is for made-up ids: the oldest is forgotten, and comes back with its next poll. */
const MAX_RUNNERS = 64;

type Known = { first: boolean; until: number; looked: number };

/** Which runners may have runs that were claimed for them and never arrived. */
export type Suspicion = {
  /** Is this the first poll of the runner that this process sees? The death of the gateway before us broke the previous one. */
  isFirst(runner: string): boolean;
  /** The runner registered here. It is a new process and has counted no failure yet. */
  registered(runner: string): void;
  /** A poll broke, or its handler may continue without us: the next look is due at once, and looks continue for {@link SUSPICIOUS_MS}. */
  aroused(runner: string): void;
  /** There is a run that must be left alone for now, so looks continue. */
  goOn(runner: string): void;
  /** Is a look due? */
  lookNow(runner: string): boolean;
  /** A look has ended. */
  looked(runner: string): void;
  /** A look found something, so the next one is due at once: there may be more. */
  found(runner: string): void;
};

export function createSuspicion(clock: Clock): Suspicion {
  const known = new Map<string, Known>();

  function of(runner: string): Known {
    let entry = known.get(runner);
    if (entry === undefined) {
      entry = { first: true, until: clock.now() + SUSPICIOUS_MS, looked: -Infinity };
      const [oldest] = known.keys();
      if (known.size >= MAX_RUNNERS && oldest !== undefined) known.delete(oldest);
      known.set(runner, entry);
    }
    return entry;
  }

  return {
    isFirst(runner) {
      const entry = of(runner);
      const { first } = entry;
      entry.first = false;
      return first;
    },
    registered(runner) {
      of(runner).first = false;
    },
    aroused(runner) {
      const entry = of(runner);
      entry.until = clock.now() + SUSPICIOUS_MS;
      entry.looked = -Infinity;
    },
    goOn(runner) {
      of(runner).until = clock.now() + SUSPICIOUS_MS;
    },
    lookNow(runner) {
      const entry = of(runner);
      const now = clock.now();
      return now < entry.until && now - entry.looked >= LOOK_PAUSE_MS;
    },
    looked(runner) {
      of(runner).looked = clock.now();
    },
    found(runner) {
      of(runner).looked = -Infinity;
    },
  };
}
