import type { JetStreamManager } from "@nats-io/jetstream";
import type { Hub } from "../../shared/session-log/follow/hub.ts";
import { parseSessionSubject } from "../../shared/session-log/subjects.ts";
import { MAX_WAITING } from "../../shared/session-log/turns/request.ts";
import { openTurns } from "../../shared/session-log/turns/unfinished.ts";
import { createBoundedMap } from "../../shared/base/bounded-map.ts";

/** How many turns of a session have not ended, or more than that: enough to know that another one fits. */
export type TurnCounts = {
  /** Another turn is asked for. */
  take(session: string): TakenTurn;
};

/** A turn that is being asked for. It counts from `open` on, so that of many at once no more get in than fit. */
export type TakenTurn = {
  /** How many there are before it. The broker, which looks through its index, is asked only where the limit may be reached. */
  open(): Promise<number>;
  /** It is stored, or is not. */
  settle(stored: boolean): void;
};

/** Sessions whose count is remembered, at some 100 bytes each. */
const REMEMBERED = 4096;

/** Counts up with every turn that this process stores or hears of. Ends are not counted: they show when the broker is asked again. */
export function createTurnCounts({ jsm, hub }: { jsm: JetStreamManager; hub: Hub }): TurnCounts {
  const counts = createBoundedMap<number>(REMEMBERED);
  /** Turns that are counted and not stored yet: the broker may not know of them. */
  const underWay = new Map<string, number>();
  const asking = new Map<string, Promise<void>>();

  function add(session: string, more = 1): void {
    const count = counts.get(session);
    if (count !== undefined) counts.set(session, count + more);
  }

  function mark(session: string, more: number): void {
    const now = (underWay.get(session) ?? 0) + more;
    if (now === 0) underWay.delete(session);
    else underWay.set(session, now);
  }

  /** Asks the broker, once for all that wait for it. */
  function ask(session: string): Promise<void> {
    const asked = async (): Promise<void> => {
      try {
        const open = await openTurns(jsm, session);
        counts.set(session, open + (underWay.get(session) ?? 0));
      } finally {
        asking.delete(session);
      }
    };
    const question = asking.get(session) ?? asked();
    asking.set(session, question);
    return question;
  }

  hub.hear(({ subject }) => {
    const address = subject.includes(".in.turn.") ? parseSessionSubject(subject) : undefined;
    if (address !== undefined) add(address.session);
  });
  return {
    take(session) {
      let counted = false;
      return {
        async open() {
          if ((counts.get(session) ?? Infinity) > MAX_WAITING) await ask(session);
          const before = counts.get(session) ?? 0;
          if (before > MAX_WAITING || counted) return before;
          counted = true;
          add(session);
          mark(session, 1);
          return before;
        },
        settle(stored) {
          if (counted) mark(session, -1);
          if (counted !== stored) add(session, stored ? 1 : -1);
        },
      };
    },
  };
}
