import type { Clock } from "../../shared/base/clock.ts";

/** How far the giving of a run to its runner came, and what the runner told of it since. */
export type HandoutState = "giving" | "given" | "started" | "ended";

/** A run that was, or was being, given to a runner. */
export type Handout = { run: string; runner: string; state: HandoutState };

/** Where it outlives a gateway. */
export type KeptHandouts = { read(): Handout[]; write(all: Handout[]): void };

/** Runs that are remembered, about 150 B each; a runner has some at once, and what it ended need not be known for long. */
const MAX_HANDOUTS = 2000;
/** A run that was being given as the gateway died may have arrived. Its report comes right after, so that it is given again only after this. */
export const DOUBT_MS = 10_000;

/** Two polls of one runner can find the same run at once, one by asking and one by being answered; not later than this. */
const ECHO_MS = 60_000;

/** Which runs were given out, so that none is given twice because its `started` waits in the log. */
export type Handouts = {
  /** May a run that the coordinator calls claimed and not started be given to its runner? */
  mayGive(run: string): boolean;
  /** Was it given just now, so that the coordinator's own answer with it is an echo? Later the coordinator may give it anew. */
  justGiven(run: string): boolean;
  /** Is written before the answer goes out. */
  giving(run: string, runner: string): void;
  /** The answer went out. */
  given(run: string): void;
  /** It did not. */
  takeBack(run: string): void;
  /** The runner told of the run: it has it. */
  reported(run: string, report: string): void;
  /** Did the runner tell that the run is over? */
  ended(run: string): boolean;
  /** Another process took the runner's place: what the old one got and never told of is forgotten. */
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
      // A run that nobody gave out here is told of by who runs it, or by an executor that makes ids up: no reason to write.
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
