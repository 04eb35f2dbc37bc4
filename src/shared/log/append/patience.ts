import type { Clock } from "../../base/clock.ts";
import type { Fifo } from "../../base/fifo.ts";
import { rest } from "../../base/rest.ts";
import { nextDeadline, type Entry } from "./entry.ts";
import type { Log } from "./log.ts";
import type { Numbering } from "./numbering.ts";
import type { Outcomes } from "./outcomes.ts";

/** Pause before a repetition on a living connection (no leader, too many requests), so that it is not asked a thousand times a second. */
const RETRY_MS = 100;

/** How long entries are tried, and when they are given up. Both functions return the entries that are left. */
export type Patience = {
  /** Waits while the connection is lost, and gives up what becomes too old meanwhile, in the queue as well. */
  whileDown(entries: Entry[]): Promise<Entry[]>;
  /** Gives up writes that are too old, and waits before the others are tried again. */
  afterFailure(entries: Entry[], detail: string): Promise<Entry[]>;
};

export function createPatience(deps: {
  log: Log;
  /** Entries that no commit has taken yet. */
  queue: Fifo<Entry>;
  numbering: Numbering;
  outcomes: Outcomes;
  clock: Clock;
}): Patience {
  const { log, queue, numbering, outcomes, clock } = deps;

  function giveUpOld(entries: Entry[], detail: string): Entry[] {
    const now = clock.now();
    const left = entries.filter((entry) => entry.deadline > now);
    if (left.length === entries.length) return left;
    for (const entry of entries) {
      if (entry.deadline > now) continue;
      outcomes.failed(entry, "log_unreachable", detail);
      numbering.renew(entry.session, left);
    }
    return left;
  }

  return {
    async whileDown(entries) {
      let left = entries;
      while (!log.up() && left.length > 0) {
        await log.whenUp(Math.max(1, nextDeadline(left) - clock.now()));
        if (log.up()) break;
        const detail = "the connection to the broker is lost";
        left = giveUpOld(left, detail);
        const now = clock.now();
        for (const entry of queue.sift((e) => e.deadline > now))
          outcomes.failed(entry, "log_unreachable", detail);
      }
      return left;
    },
    async afterFailure(entries, detail) {
      const left = giveUpOld(entries, detail);
      if (left.length > 0 && log.up()) await rest(clock, RETRY_MS);
      return left;
    },
  };
}
