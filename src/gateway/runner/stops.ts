/** Stop commands that are remembered; a runner has some at once. */
const MAX_TOLD = 1000;

/**
 * Which runs and sessions were told to stop, so that each is told once. A gateway that starts anew forgets it: a second command finds no process, or one
 * that is being stopped.
 */
export type Stops = {
  mayTell(run: string, session: string): boolean;
  /** We told it. */
  tell(runs: readonly string[]): void;
  /** The coordinator itself did, and named sessions only. */
  told(sessions: readonly string[]): void;
  /** Nobody heard it. */
  takeBack(names: readonly string[]): void;
  /** The session stopped: the next command is another one. */
  ended(session: string): void;
};

export function createStops(): Stops {
  const runs = new Set<string>();
  const sessions = new Set<string>();

  function add(to: Set<string>, names: readonly string[]): void {
    for (const name of names) {
      to.add(name);
      const [oldest] = to;
      if (to.size > MAX_TOLD && oldest !== undefined) to.delete(oldest);
    }
  }

  return {
    mayTell: (run, session) => !runs.has(run) && !sessions.has(session),
    tell: (names) => add(runs, names),
    told: (names) => add(sessions, names),
    takeBack(names) {
      for (const name of names) {
        runs.delete(name);
        sessions.delete(name);
      }
    },
    ended: (session) => void sessions.delete(session),
  };
}
