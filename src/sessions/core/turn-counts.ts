import type { JetStreamManager } from "@nats-io/jetstream";
import type { Hub } from "../../shared/session-log/follow/hub.ts";
import { parseSessionSubject } from "../../shared/session-log/subjects.ts";
import { MAX_WAITING } from "../../shared/session-log/turns/request.ts";
import { openTurns } from "../../shared/session-log/turns/unfinished.ts";
import { createBoundedMap } from "../../shared/base/bounded-map.ts";

/** How many turns of a session have not ended, or more than that: enough to know that another one fits. */
export type TurnCounts = {
  /** Asks the broker, which looks through its index, only where the limit may be reached. */
  atMost(session: string): Promise<number>;
  /** Another one was accepted. */
  add(session: string): void;
};

/** Sessions whose count is remembered, at some 100 bytes each. */
const REMEMBERED = 4096;

/** Counts up with every turn that this process stores or hears of. Ends are not counted: they show when the broker is asked again. */
export function createTurnCounts({ jsm, hub }: { jsm: JetStreamManager; hub: Hub }): TurnCounts {
  const counts = createBoundedMap<number>(REMEMBERED);

  function add(session: string): void {
    const count = counts.get(session);
    if (count !== undefined) counts.set(session, count + 1);
  }

  hub.hear(({ subject }) => {
    const address = subject.includes(".in.turn.") ? parseSessionSubject(subject) : undefined;
    if (address !== undefined) add(address.session);
  });
  return {
    add,
    async atMost(session) {
      const known = counts.get(session);
      if (known !== undefined && known <= MAX_WAITING) return known;
      const count = await openTurns(jsm, session);
      counts.set(session, count);
      return count;
    },
  };
}
