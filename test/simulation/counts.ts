import { tablesOf } from "../unit/docs/state-machine.ts";
import type { History } from "./history.ts";
import type { SessionHistory } from "./sessions/history.ts";
import type { Told } from "./sources.ts";

/** How often each thing happened, by its name. */
export type Counts = Record<string, number>;

function addTo(into: Counts, from: Iterable<[string, number]>): void {
  for (const [name, count] of from) into[name] = (into[name] ?? 0) + count;
}

/** What all histories of a campaign came to. */
export type Tally = {
  histories: number;
  events: number;
  simulatedMs: number;
  acknowledged: number;
  delivered: number;
  dead: number;
  repeats: number;
  /** Faults by their kind. */
  faults: Counts;
  /** The broker's answers, by their error number. */
  broker: Counts;
  /** The coordinator's, by status or cause. */
  coordinator: Counts;
  /** Codes of the product's own catalogue that were logged, or with which a relay ended. */
  codes: Counts;
  /** What executors would have been told. */
  outcomes: Counts;
  /** Moves of the state machines: state before, event, state behind. */
  moves: Counts;
  failed: { seed: number; problem: string }[];
};

export function emptyTally(): Tally {
  return {
    histories: 0,
    events: 0,
    simulatedMs: 0,
    acknowledged: 0,
    delivered: 0,
    dead: 0,
    repeats: 0,
    faults: {},
    broker: {},
    coordinator: {},
    codes: {},
    outcomes: {},
    moves: {},
    failed: [],
  };
}

/** Adds a history to a tally. */
export function note(tally: Tally, seed: number, history: History): void {
  const { world, problems } = history;
  tally.histories++;
  tally.events += history.events;
  tally.simulatedMs += history.simulatedMs;
  tally.acknowledged += history.acknowledged;
  tally.delivered += history.delivered;
  tally.dead += history.dead;
  tally.repeats += history.repeats;
  addTo(tally.faults, history.faults);
  addTo(tally.broker, world.broker.codes);
  addTo(tally.coordinator, world.coordinator.answers);
  addTo(tally.codes, world.lines.codes);
  for (const { outcome } of world.sent) {
    const name = outcome === undefined ? "none" : outcome.kind === "failed" ? outcome.code : "stored";
    tally.outcomes[name] = (tally.outcomes[name] ?? 0) + 1;
  }
  const [problem] = problems;
  if (problem !== undefined) tally.failed.push({ seed, problem });
}

/** Adds a history of sessions to a tally. */
export function noteSessions(tally: Tally, seed: number, history: SessionHistory): void {
  const { events, simulatedMs, faults, codes, confirmed, takeovers, watched, problems } = history;
  tally.histories++;
  tally.events += events;
  tally.simulatedMs += simulatedMs;
  addTo(tally.faults, Object.entries(faults));
  addTo(tally.broker, codes);
  addTo(tally.outcomes, Object.entries({ confirmed, takeovers, watched }));
  const [problem] = problems;
  if (problem !== undefined) tally.failed.push({ seed, problem });
}

/** Pauses that only an operator ends are a state of their own in the tables. */
const STOPS: ReadonlySet<string | undefined> = new Set(["poison_stop", "paused_by_operator"]);

function nameOf({ phase, name, reason }: Told): string {
  if (phase === "paused" && STOPS.has(reason)) return "stopped";
  return phase ?? name ?? "";
}

/** Counts every move of the state machines into a tally, from now on. */
export function countMoves(tally: Tally): void {
  globalThis.simulatedMove = (before, event, then) => {
    const move = `${nameOf(before)} ${event.on} ${nameOf(then)}`;
    tally.moves[move] = (tally.moves[move] ?? 0) + 1;
  };
}

/** Rows of the transition tables of docs/architecture.md, and how often each was gone through. */
export function rowsOf(page: string, tally: Tally): { file: string; move: string; count: number }[] {
  const rows = new Map<string, { file: string; move: string; count: number }>();
  for (const [file, transitions] of tablesOf(page))
    for (const { in: before, on, becomes } of transitions) {
      const move = `${before} ${on} ${becomes}`;
      rows.set(`${file} ${move}`, { file, move, count: tally.moves[move] ?? 0 });
    }
  return [...rows.values()];
}
