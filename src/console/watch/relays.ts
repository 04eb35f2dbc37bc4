import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../shared/base/clock.ts";
import { hearRelays } from "../../shared/messages/hearing.ts";
import type { RelayState } from "../../shared/messages/relay-state.ts";
import { askView, type WantedLanes } from "../../shared/messages/standing/ask-views.ts";
import type { RelayView } from "../../shared/messages/standing/relay-view.ts";
import { Delivered } from "./delivered.ts";
import { Gates, type WholeGate } from "./gates.ts";

type Asked = Pick<RelayState, "relay" | "instance">;

/** The relays that run, and what they show of themselves. */
export type Relays = {
  /** Names of those that are heard. */
  names(): string[];
  /** What they told last. */
  states(): RelayState[];
  /** The gate of all of them together. */
  gate(): WholeGate;
  /** Events that they delivered while we watched. */
  delivered(): number;
  /** Asks all that are heard; those that do not answer in time are missing. Never throws. */
  ask(wanted: WantedLanes): Promise<RelayView[]>;
  /** The broker is away, or is back: that no relay was heard says nothing of relays. */
  listenAnew(): void;
  stop(): void;
};

/** Listens to relays, and asks each one why its gate changed. `changed` is called whenever the gate may be another one. */
export function createRelays(deps: {
  nc: NatsConnection;
  clock: Clock;
  changed: (gate: WholeGate) => void;
}): Relays {
  const { nc, clock } = deps;
  const gates = new Gates();
  const delivered = new Delivered();
  const hearing = hearRelays(nc, clock, (state) => void heard(state));

  const names = (): string[] => hearing.now().map(({ relay }) => relay);
  const gate = (): WholeGate => gates.whole(names(), { now: clock.now(), wall: clock.wall() });

  async function heard(state: RelayState): Promise<void> {
    if (state.stopping === true || !gates.heard(state, clock.wall())) return;
    deps.changed(gate());
    await askOne(state, { most: 0 }); // why it is so
    deps.changed(gate());
  }

  async function askOne(relay: Asked, wanted: WantedLanes): Promise<RelayView | undefined> {
    const view = await askView(nc, relay, wanted);
    if (view !== undefined) gates.told(view);
    return view;
  }

  return {
    names,
    states: () => hearing.now(),
    gate,
    delivered: () => delivered.total,
    async ask(wanted) {
      const asked = await Promise.all(hearing.now().map((relay) => askOne(relay, wanted)));
      const views = asked.filter((it) => it !== undefined);
      delivered.take(views, names());
      deps.changed(gate());
      return views;
    },
    listenAnew: () => gates.listenAnew(),
    stop: () => hearing.stop(),
  };
}
