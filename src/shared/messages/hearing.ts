import type { NatsConnection } from "@nats-io/nats-core";
import { systemClock, type Clock } from "../base/clock.ts";
import { decodeState, STATE_INTERVAL_MS, STATE_SILENCE_MS, type RelayState } from "./relay-state.ts";
import { STATES_SUBJECT } from "./relay-brief.ts";

/** After this time every running relay has been heard. */
export const HEARING_MS: number = STATE_INTERVAL_MS + 200;

/** Listens to relays until it is stopped. `now`: the newest state of each relay that is not silent, by name. */
export type Hearing = { now(): RelayState[]; stop(): void };

/** Hears whole states: for operators and the console. `nc` may subscribe `rr.state.>`. `told` gets every state as it comes. */
export function hearRelays(
  nc: NatsConnection,
  clock: Clock = systemClock,
  told: (state: RelayState) => void = () => undefined,
): Hearing {
  const heard = new Map<string, { state: RelayState; at: number }>();
  const subscription = nc.subscribe(STATES_SUBJECT, {
    callback: (error, message) => {
      const state = error === null ? decodeState(message.string()) : undefined;
      if (state === undefined) return;
      if (state.stopping) heard.delete(state.relay);
      else heard.set(state.relay, { state, at: clock.now() });
      told(state);
    },
  });
  return {
    now: () =>
      [...heard.values()]
        .filter(({ at }) => clock.now() - at <= STATE_SILENCE_MS)
        .map(({ state }) => state)
        .sort((a, b) => a.relay.localeCompare(b.relay)),
    stop: () => subscription.unsubscribe(),
  };
}
