import type { Clock } from "../../shared/base/clock.ts";
import { pinnedBy, type Consumer } from "./consumer.ts";
import { Lease } from "./lease.ts";

/** After a question that the broker did not answer. */
const RETRY_MS = 200;
/** How often a fence is told that its process runs. */
export const BEAT_MS = 100;
/**
 * A process that was not told for this long stood still: it was stopped, or its machine was. Meanwhile the broker may have started again, and a broker that starts
 * again knows no pins, so that another relay may have the shard before a lease of ours has ended.
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
  let beatAt = clock.now();

  const beat = (): void => {
    const now = clock.now();
    if (now - beatAt > STOOD_STILL_MS) lease.revoke();
    beatAt = now;
  };
  const holds = (): boolean => {
    beat(); // what waits in the sockets is read before timers run
    return lease.holds(beatAt);
  };
  const ask = async (): Promise<boolean> => {
    const asked = deps.pin();
    const pulledAt = deps.pinnedPullAt();
    const info = await deps.consumer.info();
    const ours = asked !== undefined && asked === deps.pin() && pinnedBy(info) === asked;
    if (ours && pulledAt > 0) lease.confirm(pulledAt);
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
