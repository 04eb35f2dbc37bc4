import { PRIORITY_TIMEOUT_MS } from "../../shared/log/schema/topology.ts";

/** Time between the end of our lease and the moment at which the broker may pin another relay. */
export const LEASE_MARGIN_MS = 300;
/** How often pulls are confirmed: at most one flush of the connection per this time serves all shards. */
export const LEASE_CONFIRM_MS = 200;

/**
 * The fence of one shard (ORDER-1 through failover). A process that was stopped and continued still holds messages in its socket buffer
 * and would forward them although another relay was pinned meanwhile. So nothing is sent unless a pull with our pin is known
 * to have reached the broker less than the pin's time-out ago. Times are `clock.now()`; receive times prove nothing.
 */
export class Lease {
  #confirmedAt = 0;

  /** The broker answered a flush that was sent after a pull with our pin, which was sent at `pulledAt`. */
  confirm(pulledAt: number): void {
    this.#confirmedAt = Math.max(this.#confirmedAt, pulledAt);
  }

  revoke(): void {
    this.#confirmedAt = 0;
  }

  holds(now: number): boolean {
    return this.#confirmedAt > 0 && now < this.#confirmedAt + PRIORITY_TIMEOUT_MS - LEASE_MARGIN_MS;
  }
}

/** A shard whose lease can be confirmed. */
export type Leased = { pinnedPullAt(): number; confirm(at: number): void };

/** Confirms the leases of shards whose newest pull with a pin has reached the broker. `reach`: resolves when everything that was sent before has. */
export async function confirmLeases(reach: () => Promise<unknown>, shards: readonly Leased[]): Promise<void> {
  const pulls = shards.map((shard) => ({ shard, at: shard.pinnedPullAt() })).filter(({ at }) => at > 0);
  await reach();
  for (const { shard, at } of pulls) shard.confirm(at);
}

/** Is there a lease to confirm? */
export function hasLeases(shards: readonly Leased[]): boolean {
  return shards.some((shard) => shard.pinnedPullAt() > 0);
}
