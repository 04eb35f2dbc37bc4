import type { DepartureReason } from "../../shared/log/state/departure.ts";
import type { AttemptResult } from "../coordinator/verdict.ts";
import { isCoordinatorsWord } from "../tunnel/whose-word.ts";

/** Limits of a runner that leaves, milliseconds. */
export type LeavingTimes = {
  /** A runner that is registered again and lives polls within this: its polls last 35 s at the most, a pause of 2 s between them. */
  silentMs: number;
  /** So long a removal waits for the runner's reports; then it goes out all the same. The coordinator itself removes a runner that is silent for 10 min. */
  latestMs: number;
  /** So long a removal is kept that the coordinator does not take: it forgot the runner long ago. */
  keptMs: number;
};

export const LEAVING_TIMES: LeavingTimes = {
  silentMs: 60_000,
  latestMs: 10 * 60_000,
  keptMs: 24 * 60 * 60_000,
};

/** What is due: to listen whether it lives, to wait for its reports, to remove it, to forget it, to give up. */
export type Step = "listen" | "wait" | "remove" | "forget" | "give_up";

/**
 * Decides. `seenMs`: of the time in which it could have been heard and the coordinator was up. `oldMs`: by the wall clock. `waiting`: its reports in the log,
 * undefined where nobody knows. Pure.
 */
export function nextStep(
  it: { why: DepartureReason; seenMs: number; oldMs: number; waiting: number | undefined },
  times: LeavingTimes,
): Step {
  if (it.oldMs > times.keptMs) return "give_up";
  if (it.why === "returned" && it.seenMs < times.silentMs) return "listen";
  // a removed runner's runs fail, and its later reports are refused
  if (it.waiting !== 0 && it.seenMs < times.latestMs) return "wait";
  return it.why === "missing" ? "forget" : "remove";
}

/** What the coordinator made of a removal. `gone`: it does not know the runner any more. `refused`: asking again changes nothing. */
export type Removed = "gone" | "refused" | "later";

/** What is not the coordinator's own word says nothing of the runner, nor does a refusal of our credentials. Pure. */
export function removedBy(result: AttemptResult): Removed {
  if (result.kind === "failed" || !isCoordinatorsWord(result) || result.status === 401) return "later";
  return result.status < 300 || result.status === 404 ? "gone" : "refused";
}
