import { setTimeout as delay } from "node:timers/promises";
import { jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { decodeState, STATE_INTERVAL_MS, type RelayState } from "../shared/relay-state.ts";
import { readLogStatus, type LogStatus } from "../shared/status/log-status.ts";
import { STATE_SUBJECT } from "../shared/subjects.ts";
import { judgeDurability, readSync, type DurabilityReport } from "./durability.ts";

/** How everything is, for `status`. */
export type Status = LogStatus & { durability: DurabilityReport; relays: RelayState[] };

/** Reads it all as the operator. Relays are heard for a little more than their interval; `nc` may subscribe `rr.state.>`. */
export async function readStatus(
  nc: NatsConnection,
  sources: { configFile?: string; monitor?: string },
): Promise<Status> {
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  const hearing = hearRelays(nc);
  const [sync, { status, settings }] = await Promise.all([readSync(sources), readLogStatus(jsm)]);
  return { ...status, durability: judgeDurability(sync, settings), relays: await hearing };
}

async function hearRelays(nc: NatsConnection): Promise<RelayState[]> {
  const heard = new Map<string, RelayState>();
  const subscription = nc.subscribe(`${STATE_SUBJECT}.>`, {
    callback: (error, message) => {
      const state = error === null ? decodeState(message.string()) : undefined;
      if (state !== undefined) heard.set(state.relay, state);
    },
  });
  await delay(STATE_INTERVAL_MS + 200);
  subscription.unsubscribe();
  return [...heard.values()].sort((a, b) => a.relay.localeCompare(b.relay));
}
