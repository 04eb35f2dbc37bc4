import type { Outcome } from "./fact.ts";
import type { SessionState } from "./session-state.ts";

/** What the owner of a session has to do next. */
export type OwnerMove =
  /** Say that it is the owner. */
  | { kind: "own" }
  /** Answer a question that nobody waits for any more: it was not allowed. */
  | { kind: "void"; request: string }
  /** End a turn that nobody runs: one of an owner before, or one that was cancelled before it began, or that waited too long for a worker. */
  | { kind: "end"; turn: string; outcome: Outcome; code?: "worker_gone" }
  | { kind: "start"; turn: string }
  /** A turn runs. `cancel`: it is to be stopped. */
  | { kind: "run"; turn: string; cancel: boolean }
  | { kind: "wait" };

/** Longest wait of a turn for a worker that can run it. Longer than a night, so that a machine that is off then finds its turns. */
export const MAX_WAIT_MS: number = 24 * 60 * 60 * 1000;

/** What an owner may do. */
export type OwnerMay = {
  epoch: number;
  /** False for one that has not the session's folder: it only ends what nobody runs. */
  start: boolean;
  /** Wall clock, milliseconds since 1970. */
  now: number;
};

/** The next move of the owner with term `epoch`. Everything that it says lies in the log before it asks again. Pure. */
export function ownerMove(state: SessionState, { epoch, start, now }: OwnerMay): OwnerMove {
  if (state.epoch < epoch) return { kind: "own" };
  for (const [request, question] of state.questions)
    if (question.kind !== "closed" && question.epoch < epoch) return { kind: "void", request };
  for (const [turn, it] of state.turns) {
    if (it.kind === "running" && it.epoch < epoch) return { kind: "end", turn, outcome: "interrupted" };
    if (it.kind !== "queued") continue;
    if (it.cancelled) return { kind: "end", turn, outcome: "cancelled" };
    if (now - it.at > MAX_WAIT_MS) return { kind: "end", turn, outcome: "failed", code: "worker_gone" };
  }
  for (const [turn, it] of state.turns)
    if (it.kind === "running") return { kind: "run", turn, cancel: it.cancelled };
  for (const [turn, it] of state.turns) if (start && it.kind === "queued") return { kind: "start", turn }; // in the order in which they came
  return { kind: "wait" };
}
