import type { Answers } from "../coordinator/answers.ts";
import { MAX_WHOLE, type Entry, type Lane } from "./lane.ts";

/** Gateways whose executors still wait for an answer. Each gets one message if no answer will come soon. */
export type Waiters = {
  tell(entry: Entry, reason: string): void;
  /** Tells all gateways that wait for events of a lane. */
  tellAll(lane: Lane, reason: string): void;
  /** The head may still be answered in time; the events behind it will not be. */
  tellBehind(lane: Lane): void;
};

export function createWaiters(answers: Pick<Answers, "accepted">): Waiters {
  function tell(entry: Entry, reason: string): void {
    if (!entry.waiting) return;
    entry.waiting = false;
    if (entry.envelope?.answer !== undefined) answers.accepted(entry.envelope.answer, reason);
  }

  return {
    tell,
    tellAll(lane, reason) {
      for (const entry of lane.entries()) tell(entry, reason);
      for (const entry of lane.inFlight) tell(entry, reason);
    },
    tellBehind(lane) {
      for (const entry of lane.entries().slice(1, MAX_WHOLE)) tell(entry, "backlog");
    },
  };
}
