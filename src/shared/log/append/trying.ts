import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/logger.ts";
import type { Choice } from "./choice.ts";
import type { Log } from "./log.ts";
import type { Numbering } from "./numbering.ts";
import type { Outcomes } from "./outcomes.ts";
import type { Patience } from "./patience.ts";

/** A finished try, for metrics. */
export type CommitReport = { mode: "singles" | "batch"; count: number; ms: number };

/** What both ways of committing are handed. */
export type Trying = {
  log: Log;
  numbering: Numbering;
  outcomes: Outcomes;
  patience: Patience;
  choice: Choice;
  clock: Clock;
  logger: Logger;
  report?: ((report: CommitReport) => void) | undefined;
};
