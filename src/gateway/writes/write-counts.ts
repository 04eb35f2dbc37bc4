import type { HttpErrorCode } from "../../shared/base/errors.ts";
import type { NoWait } from "./relays.ts";

/** What is counted of writes: plain numbers, because every write counts something. */
export type WriteCounts = {
  accepted: number;
  answeredAccepted: number;
  answeredByCoordinator: number;
  clientGone: number;
  notWaited: Record<NoWait, number>;
  refused(code: HttpErrorCode): void;
};
