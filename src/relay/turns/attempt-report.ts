import type { AttemptKind, AttemptResult } from "../coordinator/verdict.ts";

/** What turns report about their attempts, for the metrics and for the number of requests at once. */
export type AttemptReport = {
  attempted(verdict: AttemptKind, ms: number, result: AttemptResult): void;
  /** `answered`: the executor itself received the refusal. */
  deadLettered(answered: boolean): void;
};
