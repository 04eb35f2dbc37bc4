import type { DepartureReason } from "../../shared/log/state/departure.ts";
import type { AttemptResult } from "../coordinator/verdict.ts";
import { isCoordinatorsWord } from "../coordinator/whose-word.ts";

/** Limits for a runner that leaves, milliseconds. */
export type LeavingTimes = {
  /** A runner that we registered again, and that lives, polls within this time: a poll lasts at most 35 s, and the pause before the next one 2 s. */
  silentMs: number;
  /** How long a removal waits for the runner's reports before it goes out anyway. The coordinator itself removes a runner that is silent for 10 min. */
  latestMs: number;
  /** How long a removal is kept that the coordinator does not accept. By then the coordinator has forgotten the runner. */
  keptMs: number;
};

export const LEAVING_TIMES: LeavingTimes = {
  silentMs: 60_000,
  latestMs: 10 * 60_000,
  keptMs: 24 * 60 * 60_000,
};

/** What is due for a runner: listen whether it lives, wait for its reports, remove it, forget the record, or give up. */
export type Step = "listen" | "wait" | "remove" | "forget" | "give_up";

/**
 * Decides what is due. `seenMs` counts the time in which the coordinator was up and the runner could have been heard; `oldMs` is the age of the record by
 * the wall clock; `waiting` is the number of its reports in the log, undefined if that is not known. Pure.
 */
export function nextStep(
  it: { why: DepartureReason; seenMs: number; oldMs: number; waiting: number | undefined },
  times: LeavingTimes,
): Step {
  if (it.oldMs > times.keptMs) return "give_up";
  if (it.why === "returned" && it.seenMs < times.silentMs) return "listen";
  // removing a runner fails its runs, and its later reports are refused
  if (it.waiting !== 0 && it.seenMs < times.latestMs) return "wait";
  return it.why === "missing" ? "forget" : "remove";
}

/** The result of a removal. `gone`: the coordinator no longer knows the runner. `refused`: asking again would change nothing. */
export type Removed = "gone" | "refused" | "later";

/** Reads the answer to a removal. An answer that is not the coordinator's own, or refuses our credentials, says nothing about the runner. Pure. */
export function removedBy(result: AttemptResult): Removed {
  if (result.kind === "failed" || !isCoordinatorsWord(result) || result.status === 401) return "later";
  return result.status < 300 || result.status === 404 ? "gone" : "refused";
}
