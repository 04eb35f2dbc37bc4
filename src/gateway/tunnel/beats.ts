import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../shared/base/clock.ts";
import { sessionToken } from "../../shared/log/schema/session-id.ts";
import { FLOW_PREFIX } from "../../shared/log/schema/subjects.ts";
import { relayToken, STATE_SILENCE_MS, type RelayState } from "../../shared/messages/relay-state.ts";
import { GATEWAY_BEAT_MS } from "../../shared/messages/tunnel/opening.ts";
import type { UnderWay } from "./under-way.ts";

/** Tells relays that this gateway lives, and ends the requests of relays that no longer do. Ends when it is disposed. */
export type Beats = Disposable & {
  /** A relay published its state, so it lives. */
  heard(state: RelayState): void;
};

export function createBeats(deps: {
  connection: NatsConnection;
  /** Name of this gateway at the broker, and of this process. */
  gateway: string;
  nonce: string;
  underWay: UnderWay;
  clock: Clock;
}): Beats {
  const { connection, underWay, clock } = deps;
  const beats = `${sessionToken(deps.gateway)}.beat.${deps.nonce}`;
  /** When each relay's process was heard last. */
  const seen = new Map<string, number>();
  /** The newest process of each relay. */
  const processes = new Map<string, string>();

  /** Fails the requests that this relay had taken: their answers will not come. They may have reached the coordinator, so they are not tried again. */
  function lost(relay: string): void {
    seen.delete(relay);
    for (const exchange of underWay.all())
      if (exchange.relay === relay)
        exchange.fail("relay_lost", "the relay that forwarded the request is gone");
  }

  /** Sends beats, because relays cancel the requests of a gateway that fell silent, and fails the requests of relays that fell silent. */
  function beat(): void {
    const now = clock.now();
    const relays = new Set<string>();
    for (const { relay } of underWay.all()) {
      if (relay === undefined) continue;
      if (!seen.has(relay)) seen.set(relay, now); // it took the request before it published a state
      if (now - (seen.get(relay) ?? now) > STATE_SILENCE_MS) lost(relay);
      else relays.add(relay);
    }
    for (const relay of relays)
      if (!connection.isClosed()) connection.publish(`${FLOW_PREFIX}.${relay}.${beats}`);
    for (const [relay, at] of seen) if (now - at > 10 * STATE_SILENCE_MS) seen.delete(relay);
  }

  let cancel = (): void => undefined;
  const beatLater = (): void => {
    cancel = clock.after(GATEWAY_BEAT_MS, () => {
      beat();
      beatLater();
    });
  };
  beatLater();
  return {
    heard(state) {
      const token = relayToken(state);
      seen.set(token, clock.now());
      const before = processes.get(state.relay);
      processes.set(state.relay, token);
      if (before !== undefined && before !== token) lost(before);
    },
    [Symbol.dispose]: () => cancel(),
  };
}
