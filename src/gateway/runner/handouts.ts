import type { Clock } from "../../shared/base/clock.ts";

/** How far we came with giving a run to its runner, and what the runner has reported about it since. */
export type HandoutState = "giving" | "given" | "started" | "ended";

/** A run that was given to a runner, or was about to be. */
export type Handout = { run: string; runner: string; state: HandoutState };

/** Keeps them beyond the life of a gateway. */
export type KeptHandouts = { read(): Handout[]; write(all: Handout[]): void };

/** Most runs that are remembered, about 150 B each. A runner has a few at a time, and those that ended are soon of no interest. */
const MAX_HANDOUTS = 2000;
/** A run that was about to be given when the gateway died may have arrived. Then its report comes at once, so the run is given again only after this time. */
export const DOUBT_MS = 10_000;

/** Two polls of one runner can find the same run, one by a look and one by the coordinator's answer. They do so within this time. */
const ECHO_MS = 60_000;

/** Which runs were given out. The coordinator shows a run as not started while its `started` report waits in the log, and we must not give it twice. */
export type Handouts = {
  /** May a run that the coordinator calls claimed and not started be given to its runner? */
  mayGive(run: string): boolean;
  /** Was the run given a moment ago? Then the coordinator's answer with the same run is an echo; later it may be a new handout. */
  justGiven(run: string): boolean;
  /** The answer is about to go out; this is written to the file first. */
  giving(run: string, runner: string): void;
  /** The answer went out. */
  given(run: string): void;
  /** The answer did not go out. */
  takeBack(run: string): void;
  /** The runner reported on the run, so it has it. */
  reported(run: string, report: string): void;
  /** Did the runner report that the run is over? */
  ended(run: string): boolean;
  /** A new process took the runner's place. Runs that the old one got and never reported on are forgotten, so that they can be given again. */
  forget(runner: string): void;
};

type Entry = Handout & { doubtfulSince?: number; givenAt?: number };

export function createHandouts(deps: { kept: KeptHandouts; clock: Clock }): Handouts {
  const { kept, clock } = deps;
  const entries = new Map<string, Entry>();
  for (const handout of kept.read().slice(-MAX_HANDOUTS))
    entries.set(handout.run, {
      ...handout,
      ...(handout.state === "giving" ? { doubtfulSince: clock.now() } : {}),
    });

  function keep(): void {
    kept.write(Array.from(entries.values(), ({ run, runner, state }) => ({ run, runner, state })));
  }

  function put(entry: Entry): void {
    entries.delete(entry.run); // the newest stands last
    entries.set(entry.run, entry);
    const [oldest] = entries.keys();
    if (entries.size > MAX_HANDOUTS && oldest !== undefined) entries.delete(oldest);
  }

  return {
    mayGive: (run) => mayGive(entries.get(run), clock.now()),
    justGiven: (run) => clock.now() - (entries.get(run)?.givenAt ?? -Infinity) < ECHO_MS,
    giving(run, runner) {
      put({ run, runner, state: "giving", givenAt: clock.now() });
      keep();
    },
    given(run) {
      const entry = entries.get(run);
      if (entry?.state !== "giving") return; // its report was faster
      put({ ...entry, state: "given" });
      keep();
    },
    takeBack(run) {
      if (entries.get(run)?.state !== "giving") return;
      entries.delete(run);
      keep();
    },
    reported(run, report) {
      const entry = entries.get(run);
      const state = report === "started" ? "started" : "ended";
      if (entry?.state === state || entry?.state === "ended") return;
      put({ run, runner: entry?.runner ?? "", state });
      // A report on a run that was not given out here may be about a made-up id, so it is no reason to write the file.
      if (entry !== undefined) keep();
    },
    ended: (run) => entries.get(run)?.state === "ended",
    forget(runner) {
      const stale = Array.from(entries.values()).filter(
        (entry) => entry.runner === runner && (entry.state === "giving" || entry.state === "given"),
      );
      for (const { run } of stale) entries.delete(run);
      if (stale.length > 0) keep();
    },
  };
}

/** Pure. */
function mayGive(entry: { state: HandoutState; doubtfulSince?: number } | undefined, now: number): boolean {
  if (entry === undefined) return true;
  const { state, doubtfulSince } = entry;
  return state === "giving" && doubtfulSince !== undefined && now - doubtfulSince >= DOUBT_MS;
}

const STATES: readonly string[] = ["giving", "given", "started", "ended"] satisfies HandoutState[];

export function isHandout(value: unknown): value is Handout {
  if (typeof value !== "object" || value === null) return false;
  const { run, runner, state } = value as Partial<Record<keyof Handout, unknown>>;
  return (
    typeof run === "string" &&
    typeof runner === "string" &&
    typeof state === "string" &&
    STATES.includes(state)
  );
}
