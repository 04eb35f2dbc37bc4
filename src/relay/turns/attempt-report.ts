import type { AttemptKind } from "../coordinator/verdict.ts";

/** What turns report about their attempts, for the metrics. */
export type AttemptReport = {
  attempted(verdict: AttemptKind, ms: number): void;
  /** `answered`: the executor itself received the refusal. */
  deadLettered(answered: boolean): void;
};
