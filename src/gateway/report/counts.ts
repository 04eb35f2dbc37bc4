import type { HttpErrorCode } from "../../shared/base/errors.ts";
import type { Shielded } from "../runner/index.ts";
import type { WriteCounts } from "../writes/write-counts.ts";

/** Counters of the hot path: plain numbers, which are read when the metrics are requested. */
export type Counts = WriteCounts & {
  shielded: Record<Shielded, number>;
  /** Refused requests so far, by code. */
  refusals: ReadonlyMap<HttpErrorCode, number>;
};

export function createCounts(): Counts {
  const refusals = new Map<HttpErrorCode, number>();
  return {
    accepted: 0,
    answeredAccepted: 0,
    answeredByCoordinator: 0,
    clientGone: 0,
    notWaited: { no_relay: 0, coordinator_away: 0, coordinator_paused: 0, backlog: 0 },
    shielded: { poll: 0, heartbeat: 0, register: 0, leave: 0, run: 0, stop: 0 },
    refusals,
    refused: (code) => void refusals.set(code, (refusals.get(code) ?? 0) + 1),
  };
}
