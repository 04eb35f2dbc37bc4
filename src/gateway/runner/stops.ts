/** Most stop commands that are remembered; a runner has a few at a time. */
const MAX_TOLD = 1000;

/**
 * Which stop commands were given to the runner, so that each is given once. A gateway that is started again has forgotten them. That does no harm: a
 * second command finds no process, or one that is being stopped.
 */
export type Stops = {
  mayTell(run: string, session: string): boolean;
  /** We gave the commands for these runs. */
  tell(runs: readonly string[]): void;
  /** The coordinator itself gave commands, which name sessions only. */
  told(sessions: readonly string[]): void;
  /** The answer with these commands did not arrive. */
  takeBack(names: readonly string[]): void;
  /** The session stopped, so the next command for it is a new one. */
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
