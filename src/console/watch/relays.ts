import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../shared/base/clock.ts";
import { VIEW_SUBJECT } from "../../shared/log/schema/subjects.ts";
import { hearRelays } from "../../shared/messages/hearing.ts";
import { relayToken, type RelayState } from "../../shared/messages/relay-state.ts";
import { decodeView, type RelayView, type ViewQuestion } from "../../shared/messages/relay-view.ts";
import { Delivered } from "./delivered.ts";
import { Gates, type WholeGate } from "./gates.ts";

/** A relay that takes longer is left out: a page waits 1.5 s for the broker, and no longer. */
const PATIENCE_MS = 1000;

type Asked = Pick<RelayState, "relay" | "instance">;
type Wanted = Omit<ViewQuestion, "v">;

/** The relays that run, and what they show of themselves. */
export type Relays = {
  /** Names of those that are heard. */
  names(): string[];
  /** The gate of all of them together. */
  gate(): WholeGate;
  /** Events that they delivered while we watched. */
  delivered(): number;
  /** Asks all that are heard; those that do not answer in time are missing. Never throws. */
  ask(wanted: Wanted): Promise<RelayView[]>;
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

  async function askOne(relay: Asked, wanted: Wanted): Promise<RelayView | undefined> {
    const question: ViewQuestion = { v: 1, ...wanted };
    try {
      const subject = `${VIEW_SUBJECT}.${relayToken(relay)}`;
      const { data } = await nc.request(subject, JSON.stringify(question), { timeout: PATIENCE_MS });
      const view = decodeView(data);
      if (view !== undefined) gates.told(view);
      return view;
    } catch {
      return undefined; // it ended, or is stuck: its state says so soon
    }
  }

  return {
    names,
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
