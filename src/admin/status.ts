import { setTimeout as delay } from "node:timers/promises";
import { jetstreamManager, type JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { decodeState, STATE_INTERVAL_MS, type RelayState } from "../shared/relay-state.ts";
import { readState } from "../shared/state-store.ts";
import { STATE_SUBJECT } from "../shared/subjects.ts";
import { DEAD_STREAM, EVENTS_STREAM, stateKey } from "../shared/topology.ts";
import { readBacklog, type Backlog } from "./backlog.ts";
import { judgeDurability, readSync, type DurabilityReport } from "./durability.ts";

/** How everything is, for `status`. */
export type Status = {
  log: {
    messages: number;
    bytes: number;
    maxBytes: number;
    firstSeq: number;
    lastSeq: number;
    created: string;
    replicas: number;
  };
  durability: DurabilityReport;
  backlog: Backlog;
  /** When the oldest event that waits was accepted, ISO; a little too old while acknowledgements are out of order. */
  oldestWaiting?: string;
  dead: { messages: number; bytes: number };
  /** URL of the coordinator that the log belongs to. */
  coordinator?: string;
  /** An operator paused everything. */
  paused: boolean;
  relays: RelayState[];
};

/** Reads it all as the operator. Relays are heard for a little more than their interval; `nc` may subscribe `rr.state.>`. */
export async function readStatus(
  nc: NatsConnection,
  sources: { configFile?: string; monitor?: string },
): Promise<Status> {
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  const hearing = hearRelays(nc);
  const [sync, log, dead, backlog, coordinator, paused] = await Promise.all([
    readSync(sources),
    jsm.streams.info(EVENTS_STREAM),
    jsm.streams.info(DEAD_STREAM),
    readBacklog(jsm),
    readState(jsm, stateKey.coordinator),
    readState(jsm, stateKey.paused),
  ]);
  const oldestWaiting = await oldestOf(jsm, backlog);
  return {
    log: {
      messages: log.state.messages,
      bytes: log.state.bytes,
      maxBytes: log.config.max_bytes,
      firstSeq: log.state.first_seq,
      lastSeq: log.state.last_seq,
      created: log.created,
      replicas: log.config.num_replicas,
    },
    durability: judgeDurability(sync, log.config),
    backlog,
    ...(oldestWaiting === undefined ? {} : { oldestWaiting }),
    dead: { messages: dead.state.messages, bytes: dead.state.bytes },
    ...(coordinator === undefined ? {} : { coordinator: new TextDecoder().decode(coordinator.value) }),
    paused: paused !== undefined,
    relays: await hearing,
  };
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

async function oldestOf(jsm: JetStreamManager, backlog: Backlog): Promise<string | undefined> {
  const firsts = [
    ...backlog.shards.filter((it) => it.pending + it.inFlight > 0).map((it) => it.ackFloor + 1),
    ...backlog.held.filter((it) => it.events > 0).map((it) => it.from),
  ];
  if (firsts.length === 0) return undefined;
  const found = await jsm.direct.getMessage(EVENTS_STREAM, { seq: Math.min(...firsts), next_by_subj: ">" });
  return found?.time.toISOString();
}
