import type { Clock } from "../../base/clock.ts";
import type { Fifo } from "../../base/fifo.ts";
import { rest } from "../../base/rest.ts";
import { GIVE_UP_MS, nextDeadline, timeoutFor, type Entry } from "./entry.ts";
import type { Log } from "./log.ts";
import type { Numbering } from "./numbering.ts";
import type { Outcomes } from "./outcomes.ts";

/** Pause before a repetition on a living connection (no leader, too many requests), so that it is not asked a thousand times a second. */
const RETRY_MS = 100;

/** How long entries are tried, and when they are given up, in the queue as well. What returns entries returns those that are left. */
export type Patience = {
  /** Waits while the connection is lost, and gives up what becomes too old meanwhile. */
  whileDown(entries: Entry[]): Promise<Entry[]>;
  /** How long the broker may take to answer a try of these, so that nothing that waits meanwhile becomes too old, milliseconds. */
  timeoutFor(entries: readonly Entry[]): number;
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

  /** A write stays behind an older one of its session that stays: it may be stored already, and the older one must not come after it (ORDER-1). */
  function giveUpOld(entries: Entry[], detail: string): Entry[] {
    const now = clock.now();
    const staying = new Set<string>();
    const stays = ({ session, deadline }: Entry): boolean => {
      if (deadline > now) staying.add(session);
      return staying.has(session);
    };
    const left: Entry[] = [];
    const old: Entry[] = [];
    for (const entry of entries) (stays(entry) ? left : old).push(entry);
    for (const entry of old) {
      outcomes.failed(entry, "log_unreachable", detail);
      numbering.renew(entry.session, left);
    }
    for (const entry of queue.sift(stays)) outcomes.failed(entry, "log_unreachable", detail);
    return left;
  }

  function* waiting(entries: readonly Entry[]): Generator<Entry> {
    yield* entries;
    for (let i = 0; i < queue.length; i++) yield queue.at(i) as Entry;
  }

  return {
    async whileDown(entries) {
      let left = entries;
      while (!log.up() && left.length > 0) {
        const now = clock.now();
        const next = Math.min(nextDeadline(waiting(left), now) - now, GIVE_UP_MS); // what comes meanwhile is not too old before that
        await log.whenUp(Math.max(1, next));
        if (log.up()) break;
        left = giveUpOld(left, "the connection to the broker is lost");
      }
      return left;
    },
    timeoutFor: (entries) => timeoutFor(waiting(entries), clock.now()),
    async afterFailure(entries, detail) {
      const left = giveUpOld(entries, detail);
      if (left.length > 0 && log.up()) await rest(clock, RETRY_MS);
      return left;
    },
  };
}
