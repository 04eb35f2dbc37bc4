import { jetstreamManager, type JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../shared/base/clock.ts";
import { rest } from "../shared/base/rest.ts";
import { servedShards, type RelayState } from "../shared/messages/relay-state.ts";
import { readLogStatus, type LogStatus } from "../shared/messages/status/log-status.ts";
import { readSessionsStatus, type SessionsStatus } from "../shared/session-log/report/sessions-status.ts";
import { connectionOf } from "./connection.ts";
import {
  judgeDurability,
  readSync,
  type DurabilityReport,
} from "../shared/log/durability/read-durability.ts";
import { HEARING_MS, hearRelays } from "../shared/messages/hearing.ts";
import { askViews, lanesOf } from "../shared/messages/standing/ask-views.ts";
import { MOST_LANES, type GateView, type RelayView } from "../shared/messages/standing/relay-view.ts";
import { sampleWaiting, sessionsOf, type WaitingSessions } from "./status-sessions.ts";
import { ratesOf, type Rates, type LogSample } from "./status-rates.ts";

// status-sessions.ts whose events wait · ../shared/session-log/report sessions of workers · status-rates.ts how fast it goes · ../shared/messages/hearing.ts relays · ../shared/log/durability what may be claimed

/** The result of `status`, which status-json.ts makes a document for programs. */
export type Status = LogStatus & {
  /** Time of the reading, ISO. */
  at: string;
  durability: DurabilityReport;
  relays: RelayState[];
  /** By relay: its gate with the reason in words. A relay that did not answer is missing. */
  gates: Record<string, GateView>;
  /** Rates since the previous reading. The first reading is made when the reader opens. */
  rates: Rates;
  /** Sessions of the coordinator whose events wait. */
  sessions: WaitingSessions;
  /** The sessions that workers run: another log, and nothing of it goes to the coordinator. */
  agentSessions: SessionsStatus;
  /** Shards that no relay owns and none would take over. */
  unowned: number[];
};

/** Reads the status repeatedly over one connection. `read` throws the broker's errors. */
export type StatusReader = { read(): Promise<Status>; close(): void };

/** Reads the status once, as the operator, who may subscribe to `rr.state.>`. It takes as long as it takes to hear every relay. */
export async function readStatus(
  nc: NatsConnection,
  sources: { configFile?: string; monitor?: string },
  clock: Clock,
): Promise<Status> {
  const reader = await openStatus(nc, sources, clock);
  try {
    return await reader.read();
  } finally {
    reader.close();
  }
}

export async function openStatus(
  nc: NatsConnection,
  sources: { configFile?: string; monitor?: string },
  clock: Clock,
): Promise<StatusReader> {
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  const connection = connectionOf(nc);
  const relays = hearRelays(nc, clock);
  const heard = rest(clock, HEARING_MS);
  const before = async (): Promise<LogSample> => readingOf((await readLogStatus(jsm)).status, clock);
  let last = await before();
  return {
    async read() {
      await heard;
      const reading = Promise.all([readSync(sources), readLogStatus(jsm), readSessionsStatus(jsm)]);
      const [sync, { status, settings }, agentSessions] = await connection.whileUp(reading);
      const now = readingOf(status, clock);
      const rates = ratesOf(last, now);
      last = now;
      const states = relays.now();
      const served = servedShards(states);
      const views = await askViews(nc, states, { most: MOST_LANES });
      return {
        at: new Date(clock.wall()).toISOString(),
        ...status,
        durability: judgeDurability(sync, settings),
        relays: states,
        gates: Object.fromEntries(views.map(({ relay, gate }) => [relay, gate])),
        rates,
        sessions: await sessions(jsm, status, states, views),
        agentSessions,
        unowned: status.backlog.shards.map(({ shard }) => shard).filter((shard) => !served.has(shard)),
      };
    },
    close: () => relays.stop(),
  };
}

function readingOf({ log, backlog }: LogStatus, clock: Clock): LogSample {
  return { at: clock.now(), lastSeq: log.lastSeq, waiting: backlog.events };
}

async function sessions(
  jsm: JetStreamManager,
  { backlog, controls: { sessions: wishes } }: LogStatus,
  relays: readonly RelayState[],
  views: readonly RelayView[],
): Promise<WaitingSessions> {
  if (relays.length > 0 || backlog.events === 0)
    return sessionsOf(relays, { backlog, wishes, lanes: lanesOf(views) });
  return sampleWaiting(jsm, { backlog, wishes });
}
