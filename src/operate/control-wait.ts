import { setTimeout as delay } from "node:timers/promises";
import type { NatsConnection } from "@nats-io/nats-core";
import { STATE_SILENCE_MS, type RelayState } from "../shared/messages/relay-state.ts";
import { HEARING_MS, hearRelays } from "../shared/messages/hearing.ts";

/** How long a command waits for relays to carry out a request. A shard without an owner needs a few seconds to get one. */
const WAIT_MS = 8000;
const LOOK_MS = 50;

/** Whether relays have carried out an operator's request, which is stored in any case. `waiting`: the named relays have not confirmed it yet. */
export type Effect =
  | { kind: "in_force"; relays: string[] }
  | { kind: "no_relay" }
  | { kind: "waiting"; relays: string[] };

/** Judges the states heard `elapsedMs` after listening began. Undefined: continue to listen. Pure. */
export function judgeEffect(
  heard: readonly { relay: string; done: boolean }[],
  elapsedMs: number,
): Effect | undefined {
  const waiting = heard.filter(({ done }) => !done).map(({ relay }) => relay);
  const everybodySpoke = elapsedMs >= HEARING_MS;
  if (heard.length > 0 && waiting.length === 0 && everybodySpoke)
    return { kind: "in_force", relays: heard.map(({ relay }) => relay) };
  if (heard.length === 0 && elapsedMs >= STATE_SILENCE_MS) return { kind: "no_relay" };
  if (elapsedMs >= WAIT_MS) return { kind: "waiting", relays: waiting };
  return undefined;
}

/** Waits until `done` holds for every relay that is heard, or the time is over. */
export async function awaitEffect(nc: NatsConnection, done: (state: RelayState) => boolean): Promise<Effect> {
  const hearing = hearRelays(nc);
  const began = performance.now();
  try {
    for (;;) {
      const states = hearing.now().map((state) => ({ relay: state.relay, done: done(state) }));
      const effect = judgeEffect(states, performance.now() - began);
      if (effect !== undefined) return effect;
      await delay(LOOK_MS);
    }
  } finally {
    hearing.stop();
  }
}
