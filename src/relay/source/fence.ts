import type { Clock } from "../../shared/base/clock.ts";
import { pinnedBy, type Consumer } from "./consumer.ts";
import { Lease } from "./lease.ts";

/** After a question that the broker did not answer. */
const RETRY_MS = 200;
/** How often a fence is told that its process runs. */
export const BEAT_MS = 100;
/**
 * A process that was not told for this long stood still: it was stopped, or its machine was. Meanwhile the broker may have started again, and a broker that starts
 * again knows no pins, so that another relay may have the shard before a lease of ours has ended. While a machine is suspended its monotonic clock stands still as
 * well (Linux), and leases with it; only the wall clock shows that. It may also have been set, which costs one question to the broker.
 */
const STOOD_STILL_MS = 500;

/** Says whether events of a shard may be sent: lease.ts lasts for a while, and the broker is asked when it has ended (ORDER-1 through failover). */
export type Fence = {
  mayForward: () => boolean;
  /** The process runs. */
  beat: () => void;
  revoke: () => void;
  /** Time of the newest pull with our pin that the broker is not yet known to have, 0 for none; the lease's owner confirms it. */
  pulledAt: () => number;
  /** Ends the lease. Only a question to the broker begins a new one. */
  confirm: (pulledAt: number) => void;
  /** Asks the broker whether our pin is the one; if so, the lease begins with the last pull before the question. */
  ask: () => Promise<boolean>;
  /** Resolves to whether events may be sent now; false as well where the broker does not answer, after a moment. Several calls at the same time share one question. */
  verify: () => Promise<boolean>;
};

/** Notices between two looks that the process stood still, or its machine. */
function createStandstill(clock: Clock): {
  look(): boolean;
  /** When the last suspension ended (clock.now), 0 for none: nobody knows how old a pull of before is. */
  endedAt: () => number;
} {
  let at = clock.now();
  let wallAt = clock.wall();
  let endedAt = 0;
  return {
    look() {
      const [now, wall] = [clock.now(), clock.wall()];
      const [passed, shown] = [now - at, wall - wallAt];
      [at, wallAt] = [now, wall];
      if (shown - passed > STOOD_STILL_MS) endedAt = now;
      return Math.max(passed, shown) > STOOD_STILL_MS;
    },
    endedAt: () => endedAt,
  };
}

export function createFence(deps: {
  clock: Clock;
  consumer: Pick<Consumer, "info">;
  /** Is the shard ours, and its takeover over? */
  active: () => boolean;
  /** Our pin; undefined without one. */
  pin: () => string | undefined;
  /** When the newest pull with our pin was sent (clock.now), 0 before. */
  pinnedPullAt: () => number;
  /** The broker says that our pin is not the one. */
  lost: () => void;
}): Fence {
  const { clock } = deps;
  const lease = new Lease();
  let verifying: Promise<boolean> | undefined;
  const standstill = createStandstill(clock);

  const beat = (): void => {
    if (standstill.look()) lease.revoke();
  };
  const holds = (): boolean => {
    beat(); // what waits in the sockets is read before timers run
    return lease.holds(clock.now());
  };
  const ask = async (): Promise<boolean> => {
    const asked = deps.pin();
    const pulledAt = deps.pinnedPullAt();
    const info = await deps.consumer.info();
    const ours = asked !== undefined && asked === deps.pin() && pinnedBy(info) === asked;
    if (ours && pulledAt > standstill.endedAt()) lease.confirm(pulledAt);
    return ours;
  };
  const mayForward = (): boolean => deps.active() && holds();
  const verify = async (): Promise<boolean> => {
    try {
      const ours = await ask();
      if (!ours && deps.active()) deps.lost();
      return ours && mayForward();
    } catch {
      await new Promise<void>((resolve) => void clock.after(RETRY_MS, resolve));
      return false;
    }
  };

  return {
    mayForward,
    beat,
    revoke: () => lease.revoke(),
    pulledAt: () => (holds() ? deps.pinnedPullAt() : 0),
    confirm(pulledAt) {
      if (holds()) lease.confirm(pulledAt);
    },
    ask,
    verify() {
      if (!deps.active()) return Promise.resolve(false);
      verifying ??= verify().finally(() => (verifying = undefined));
      return verifying;
    },
  };
}
