import type { Clock } from "../shared/base/clock.ts";
import type { Leader } from "../shared/session-log/follow/leader.ts";
import type { StoredEvent } from "../shared/session-log/follow/stored-event.ts";
import { dueOf, type RetentionLimits } from "../shared/session-log/retention/due.ts";
import { heldEvents } from "../shared/session-log/retention/held-events.ts";
import { hold, NOTHING_HELD, released } from "../shared/session-log/retention/holding.ts";

/** What one session may still write. */
export type SessionRoom = {
  /** An event of it, as it comes. */
  take(event: StoredEvent): void;
  /** Bytes: those of the whole log, or none if this session has more than it may and nothing of that can be removed. */
  room(): number;
};

/** How often is looked whether something was removed meanwhile. */
const LOOK_MS = 10_000;

/** Counts what a session has, as retention does. `room` is that of the whole log. */
export function createSessionRoom(
  deps: { leader: Pick<Leader, "floorOf">; clock: Clock; room: () => number },
  { session, maxBytes }: { session: string; maxBytes: number },
): SessionRoom {
  const { leader, clock } = deps;
  const limits: RetentionLimits = { maxAge: Infinity, maxBytes };
  let holding = NOTHING_HELD;
  let lookAt = 0;

  function look(): void {
    if (clock.now() < lookAt) return;
    lookAt = clock.now() + LOOK_MS;
    leader.floorOf(session).then(
      (floor) => (holding = released(holding, floor)),
      () => undefined, // the next time
    );
  }

  return {
    take(event) {
      const events = heldEvents([{ ...event, at: clock.wall() }]).get(session) ?? [];
      holding = hold(holding, events);
    },
    room() {
      if (holding.bytes <= maxBytes) return deps.room();
      look();
      return dueOf(holding, limits, clock.wall()) === undefined ? 0 : deps.room();
    },
  };
}
