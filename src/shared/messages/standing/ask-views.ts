import type { NatsConnection } from "@nats-io/nats-core";
import { VIEW_SUBJECT } from "../../log/schema/subjects.ts";
import { relayToken, type RelayState } from "../relay-state.ts";
import { decodeView, type GateView, type LaneView, type RelayView, type ViewQuestion } from "./relay-view.ts";

/** A relay that takes longer is left out: a page waits 1.5 s for the broker, and no longer. */
const PATIENCE_MS = 1000;

/** What is wanted of a relay. */
export type WantedLanes = Omit<ViewQuestion, "v">;

/** Asks one relay for its gate and lanes. Undefined if it does not answer in time: it ended, is stuck, or this login may not ask. Never throws. */
export async function askView(
  nc: NatsConnection,
  relay: Pick<RelayState, "relay" | "instance">,
  wanted: WantedLanes,
): Promise<RelayView | undefined> {
  const question: ViewQuestion = { v: 1, ...wanted };
  try {
    const subject = `${VIEW_SUBJECT}.${relayToken(relay)}`;
    const { data } = await nc.request(subject, JSON.stringify(question), { timeout: PATIENCE_MS });
    return decodeView(data);
  } catch {
    return undefined;
  }
}

/** Asks several; those that do not answer are missing. */
export async function askViews(
  nc: NatsConnection,
  relays: readonly Pick<RelayState, "relay" | "instance">[],
  wanted: WantedLanes,
): Promise<RelayView[]> {
  const views = await Promise.all(relays.map((relay) => askView(nc, relay, wanted)));
  return views.filter((view) => view !== undefined);
}

/** The lanes of all relays, each with the gate that it stands behind, and how many more there are. Pure. */
export function lanesOf(views: readonly RelayView[]): {
  lanes: (LaneView & { gate: GateView })[];
  moreLanes: number;
} {
  return {
    lanes: views.flatMap(({ lanes, gate }) => lanes.map((lane) => ({ ...lane, gate }))),
    moreLanes: views.reduce((sum, { more }) => sum + more, 0),
  };
}
