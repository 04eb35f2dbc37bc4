import { setTimeout as delay } from "node:timers/promises";
import type { JetStreamManager } from "@nats-io/jetstream";
import type { Clock } from "../../shared/base/clock.ts";
import { readWaiting } from "../../shared/log/state/settlement.ts";
import { createPace, mayAdd } from "./pace.ts";

/** Time between two checks of the relays' backlog. */
const LOOK_MS = 200;

export type Throttle = {
  /**
   * Resolves with true when one more event may be put into the log, and with false if `signal` was aborted. Calls `waits` while the relays'
   * backlog is the reason for the delay.
   */
  mayGo(signal: AbortSignal, waits: (because: string) => void): Promise<boolean>;
};

/** Limits replays to a rate (events per second), and pauses them while the relays' backlog is large (pace.ts). */
export function createThrottle(deps: { jsm: JetStreamManager; clock: Clock }, rate: number): Throttle {
  const { jsm, clock } = deps;
  const pace = createPace(rate, clock.now());
  let waiting = 0;
  let lowest = Infinity;
  let lookedAt = -Infinity;
  return {
    async mayGo(signal, waits) {
      for (;;) {
        if (signal.aborted) return false;
        if (clock.now() - lookedAt >= LOOK_MS) {
          waiting = await readWaiting(jsm);
          lowest = Math.min(lowest, waiting);
          lookedAt = clock.now();
        }
        const crowded = !mayAdd(waiting, lowest);
        const due = crowded ? LOOK_MS : pace.due(clock.now());
        if (due < 1) {
          pace.took();
          return true;
        }
        if (crowded) waits(`${waiting} events are pending at the relays`);
        await delay(Math.min(due, LOOK_MS), undefined, { signal }).catch(() => {});
      }
    },
  };
}
