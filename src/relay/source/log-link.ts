import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../shared/base/clock.ts";
import { confirmLeases, LEASE_CONFIRM_MS, type Leased } from "./lease.ts";

/** A log that says nothing for this long is lost. Its shards' leases end by themselves soon after. */
const ANSWER_MS = 1500;

/**
 * Does the log lie on another server than the one that we are connected to, as at a hub (ADR 0057)? Then our connection says nothing about it. A hub has no
 * JetStream, or one with another domain. Throws the broker's errors.
 */
export async function liesElsewhere(
  nc: Pick<NatsConnection, "info">,
  jsm: Pick<JetStreamManager, "getAccountInfo">,
): Promise<boolean> {
  const info: { jetstream?: boolean; domain?: string } = nc.info ?? {};
  if (info.jetstream !== true) return true;
  return info.domain !== undefined && (await jsm.getAccountInfo()).domain !== info.domain;
}

/** Whether a log that lies elsewhere answers. */
export type LogLink = { up(): boolean; stop(): void };

/**
 * Asks the log itself every {@link LEASE_CONFIRM_MS}, and tells when it does not answer and when it does again, as `followConnection` tells of the
 * connection. Leases are confirmed by these answers only: what the hub has is not known to have reached the log, where another relay may be
 * pinned. So a relay whose log is away sends nothing, because it could not remember what is settled (ONCE-1).
 */
export function followLog(deps: {
  nc: Pick<NatsConnection, "request">;
  clock: Clock;
  /** While the connection itself is lost, nothing is asked. */
  connected: () => boolean;
  leased: readonly Leased[];
  lost: () => void;
  regained: () => void;
}): LogLink {
  const { nc, clock } = deps;
  let up = true;
  let stopped = false;
  let cancel = (): void => undefined;

  const ask = (): Promise<unknown> => nc.request("$JS.API.INFO", "", { timeout: ANSWER_MS });

  function found(there: boolean): void {
    if (stopped || there === up || !deps.connected()) return;
    up = there;
    if (there) deps.regained();
    else deps.lost();
  }

  async function look(): Promise<void> {
    if (deps.connected()) {
      await confirmLeases(ask, deps.leased).then(
        () => found(true),
        () => found(false),
      );
    }
    if (!stopped) cancel = clock.after(LEASE_CONFIRM_MS, () => void look());
  }

  cancel = clock.after(LEASE_CONFIRM_MS, () => void look());
  return {
    up: () => up,
    stop() {
      stopped = true;
      cancel();
    },
  };
}
