import type { Clock } from "../../shared/base/clock.ts";

/** Counts what users have, against a limit. */
export type Tally = {
  /** Reserves one more for a user. False if that would exceed the limit. */
  take(user: string): Promise<boolean>;
  /** One less: it ended, or did not come to be. */
  giveBack(user: string): void;
};

/** A user at the limit is counted anew no more often than this, because counting reads the log. */
const RECOUNT_MS = 1000;
/** Most users whose number is remembered. One that is forgotten is counted anew. */
const MOST_USERS = 10_000;

type Known = { count: number; at: number };

/**
 * A count for each user of this process. It is made by `count` when a user comes for the first time, and again when the limit is reached, because things
 * end without our hearing of it. Several servers count on their own, so that their users may exceed the limit a little between two counts.
 */
export function createTally(deps: {
  limit: number;
  count: (user: string) => Promise<number>;
  clock: Clock;
}): Tally {
  const { limit, count, clock } = deps;
  const users = new Map<string, Known>();
  const counting = new Map<string, Promise<Known>>();

  async function recount(user: string): Promise<Known> {
    try {
      const known = { count: await count(user), at: clock.now() };
      users.delete(user); // the one that was counted last is forgotten last
      users.set(user, known);
      const [oldest] = users.keys();
      if (users.size > MOST_USERS && oldest !== undefined) users.delete(oldest);
      return known;
    } finally {
      counting.delete(user);
    }
  }

  /** Those that come while it is counted wait for the same count. */
  function counted(user: string): Promise<Known> {
    const under = counting.get(user) ?? recount(user);
    counting.set(user, under);
    return under;
  }

  return {
    async take(user) {
      let known = users.get(user);
      if (known === undefined || (known.count >= limit && clock.now() - known.at >= RECOUNT_MS))
        known = await counted(user);
      if (known.count >= limit) return false;
      known.count += 1;
      return true;
    },
    giveBack(user) {
      const known = users.get(user);
      if (known !== undefined && known.count > 0) known.count -= 1;
    },
  };
}
