import { setTimeout as delay } from "node:timers/promises";
import { jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { connectBroker, type BrokerAccess } from "../../shared/log/broker.ts";
import type { RelayState } from "../../shared/messages/relay-state.ts";
import { OPERATOR_INBOX } from "../../shared/log/schema/subjects.ts";
import { readSync } from "../../shared/log/durability/read-durability.ts";
import { HEARING_MS, hearRelays } from "../../shared/messages/hearing.ts";
import { judgeCoordinatorSessions } from "../../shared/messages/checks/coordinator-sessions.ts";
import { askViews } from "../../shared/messages/standing/ask-views.ts";
import { MOST_LANES, type RelayView } from "../../shared/messages/standing/relay-view.ts";
import { readLogStatus } from "../../shared/messages/status/log-status.ts";
import { judgeBroker, readBroker } from "../../shared/messages/checks/broker.ts";
import { judgeClock, readClock } from "../../shared/messages/checks/clock.ts";
import { judgeDamage, readDamage } from "../../shared/messages/checks/damage.ts";
import { judgeDead, readDead } from "../../shared/messages/checks/dead-letters.ts";
import { judgeGateways, readGateways } from "./gateways.ts";
import type { Line } from "../../shared/messages/checks/line.ts";
import { isDeaf, judgePermissions, readPermissions } from "./permissions.ts";
import { LOOK_MS, reading, type Reading } from "../../shared/messages/checks/reading.ts";
import {
  judgeRelays,
  withReason,
  type LocalRelay,
  type RelayGate,
} from "../../shared/messages/checks/relays.ts";
import { judgeRoom, readFree } from "../../shared/messages/checks/room.ts";
import { judgeRunners, readRunners } from "../../shared/messages/checks/runners.ts";
import { judgeAgentSessions } from "../../shared/messages/checks/agent-sessions.ts";
import { readSessionsStatus } from "../../shared/session-log/report/sessions-status.ts";
import { checkIndex } from "../../shared/session-log/report/index-check.ts";
import { judgeStreams, readStreams } from "../../shared/messages/checks/streams.ts";
import { judgeSessionsServer, readSessionsServer } from "./sessions-server.ts";
import { judgeStaging, type StagingFact } from "./staging.ts";
import { judgeWrites, readWrites } from "./writes.ts";

// ../../shared/messages/checks/broker.ts connection, version, JetStream · ../../shared/messages/checks/streams.ts streams, consumers, durability · ../../shared/messages/checks/room.ts log and disk · ../../shared/messages/checks/damage.ts lost events · ../../shared/messages/checks/clock.ts wall clocks ·
// ../../shared/messages/checks/relays.ts relays, credentials, coordinator · ../../shared/messages/checks/coordinator-sessions.ts sessions that stand still · ../../shared/messages/checks/agent-sessions.ts turns, workers, index · ../../shared/messages/checks/runners.ts runners to be removed · ../../shared/messages/checks/dead-letters.ts dead letters that nobody knows of; the console shows these too
// here: writes.ts dead streams · staging.ts where batches are staged · permissions.ts the login · gateways.ts the gateways · sessions-server.ts the sessions server of `up`
// Each file reads its facts and then judges them in a pure function, so that every line of the output is tested without a broker. Reading is bounded in
// time and never throws, because doctor is for days on which something does not answer.

export type Patient = {
  access: BrokerAccess;
  /** Where the broker's sync setting can be read. */
  sync: { configFile?: string; monitor?: string };
  /** The broker's storage folder, if it is on this machine. */
  store: string | undefined;
  /** Where that broker stages batches. Undefined if it is not the one of `up`. */
  staging: StagingFact | undefined;
  gateways: readonly string[];
  /** URL of the sessions server that `up` runs on this machine. */
  sessions: string | undefined;
  /** Admin URL of a relay on this machine. */
  relay: string | undefined;
  /** The page token, which the relay requires before it reports why it sends nothing. Undefined if it is not known here. */
  relayToken: string | undefined;
  /** Milliseconds since 1970. */
  wall: () => number;
};

/** Checks everything within a few seconds, and reports what does not answer. Never throws. */
export async function examine(patient: Patient): Promise<Line[]> {
  const connecting = reading(() =>
    connectBroker(patient.access, {
      name: "runner-relay doctor",
      inboxPrefix: OPERATOR_INBOX,
      timeoutMs: LOOK_MS - 200,
    }),
  );
  const [free, gateways, sessions, local, connected] = await Promise.all([
    patient.store === undefined ? undefined : readFree(patient.store),
    readGateways(patient.gateways),
    patient.sessions === undefined ? undefined : readSessionsServer(patient.sessions),
    patient.relay === undefined ? undefined : readLocal(patient.relay, patient.relayToken, patient.wall()),
    connecting,
  ]);
  const around = [
    ...judgeGateways(gateways),
    ...(sessions === undefined ? [] : [judgeSessionsServer(sessions)]),
  ];
  if (connected.kind === "failed") {
    const relays = { heard: { kind: "failed", why: "only the broker knows" }, local } as const;
    return [
      ...judgeBroker(await readBroker(connected, undefined)),
      ...judgeRoom({ streams: [], free }),
      ...judgeRelays(relays),
      ...around,
    ];
  }
  const nc = connected.value;
  try {
    return [...(await examineBroker(nc, patient, free, local)), ...around];
  } finally {
    await reading(() => nc.close());
  }
}

async function examineBroker(
  nc: NatsConnection,
  patient: Patient,
  free: Reading<number> | undefined,
  local: Reading<LocalRelay> | undefined,
): Promise<Line[]> {
  const jsm = await jetstreamManager(nc, { checkAPI: false, timeout: LOOK_MS });
  const permissions = await readPermissions(nc);
  if (isDeaf(permissions)) {
    const heard = { kind: "failed", why: "this login may not subscribe to them" } as const;
    return [
      ...judgeBroker(await readBroker({ kind: "read", value: nc }, undefined)),
      judgePermissions(permissions),
      ...judgeRoom({ streams: [], free }),
      ...judgeRelays({ heard, local }),
    ];
  }
  const [broker, streams, clock, writes, damage, runners, dead, log, relays, sessions, index] =
    await Promise.all([
      readBroker({ kind: "read", value: nc }, jsm),
      readSync(patient.sync).then((sync) => readStreams(jsm, sync)),
      readClock(nc, patient.wall),
      readWrites(nc),
      readDamage(jsm),
      readRunners(jsm),
      readDead(jsm),
      reading(() => readLogStatus(jsm)),
      hear(nc),
      reading(() => readSessionsStatus(jsm)),
      reading(() => checkIndex(jsm)),
    ]);
  const { heard, views } = relays;
  return [
    ...judgeBroker(broker),
    judgePermissions(permissions),
    ...judgeStreams(streams),
    ...(patient.staging === undefined ? [] : [judgeStaging(patient.staging)]),
    judgeWrites(writes),
    ...judgeDamage(damage),
    ...judgeRoom({ streams: streams.streams, free }),
    judgeClock(clock),
    ...judgeRelays({ shardCount: streams.consumers.length, heard, views, local }),
    ...(log.kind === "read" ? judgeCoordinatorSessions(views, log.value.status, patient.wall()) : []),
    ...judgeRunners(runners, patient.wall()),
    ...judgeDead(dead, patient.wall()),
    ...judgeAgentSessions(sessions, index),
  ];
}

async function hear(
  nc: NatsConnection,
): Promise<{ heard: Reading<readonly RelayState[]>; views: readonly RelayView[] }> {
  const hearing = hearRelays(nc);
  try {
    await delay(HEARING_MS);
    const states = hearing.now();
    return {
      heard: { kind: "read", value: states },
      views: await askViews(nc, states, { most: MOST_LANES }),
    };
  } finally {
    hearing.stop();
  }
}

async function readLocal(url: string, token: string | undefined, now: number): Promise<Reading<LocalRelay>> {
  const signal = AbortSignal.timeout(LOOK_MS);
  const headers = token === undefined ? undefined : { authorization: `Bearer ${token}` };
  const ask = async (path: string): Promise<unknown> =>
    (await fetch(new URL(path, url), { signal, ...(headers === undefined ? {} : { headers }) })).json();
  return reading(async () => {
    const { dependencies } = (await ask("/ready")) as { dependencies?: LocalRelay };
    if (dependencies === undefined) throw new Error("another program answers there");
    if (dependencies["coordinator"]?.ok !== false) return dependencies;
    if (token === undefined) return dependencies;
    const { gate } = (await ask("/status")) as { gate?: RelayGate };
    return withReason(dependencies, gate, now);
  });
}
