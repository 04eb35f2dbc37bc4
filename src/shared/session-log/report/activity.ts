import { factOf } from "../turns/fact.ts";
import type { StoredEvent } from "../follow/stored-event.ts";

/** What goes on in a session that has a turn which has not ended. */
export type Activity = {
  /** The session's name in subjects. */
  name: string;
  /** Turns that have not begun. */
  waiting: number;
  /** The turn that runs, with the questions of its agent that nobody has answered. One whose worker died counts until it is ended. */
  running?: { turn: string; questions: string[] };
};

/**
 * What goes on in a session of which `open` turns have not ended. `events`: those from the start of its newest turn on that are ends of turns, questions, and what answers
 * these, in any order. Pure.
 */
export function activityOf(name: string, open: number, events: readonly StoredEvent[]): Activity {
  const facts = events.map(factOf).toSorted((a, b) => a.seq - b.seq);
  const turn = facts.find((fact) => fact.type === "started")?.turn;
  const isOver = facts.some((fact) => fact.type === "ended" && fact.turn === turn);
  if (turn === undefined || isOver) return { name, waiting: open };
  const questions = new Set<string>();
  for (const fact of facts) {
    if (fact.type === "asked" && fact.turn === turn) questions.add(fact.request);
    if (fact.type === "decided" || fact.type === "resolved") questions.delete(fact.request);
  }
  return { name, waiting: Math.max(0, open - 1), running: { turn, questions: [...questions] } };
}
