import { randomUUID } from "node:crypto";
import { jetstreamManager, type JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { systemClock } from "../../../src/shared/base/clock.ts";
import { silentLogger } from "../../../src/shared/base/logger.ts";
import { provision } from "../../../src/shared/log/provision/provision.ts";
import { SERVE_INBOX, SESSION_PRUNE_INBOX, WORKER_INBOX } from "../../../src/shared/log/schema/subjects.ts";
import type { PutDeps } from "../../../src/shared/session-log/append/put.ts";
import {
  createOwnerWriter,
  type OwnerEvent,
  type OwnerWriter,
} from "../../../src/shared/session-log/append/owner-writer.ts";
import { encodeSessionEnvelope } from "../../../src/shared/session-log/event/session-envelope.ts";
import type { Session } from "../../../src/shared/session-log/registry/entry.ts";
import type { RetentionLimits } from "../../../src/shared/session-log/retention/due.ts";
import { createSweep, type Sweep } from "../../../src/shared/session-log/retention/sweep.ts";
import { openHub } from "../../../src/shared/session-log/follow/hub.ts";
import { createLeader } from "../../../src/shared/session-log/follow/leader.ts";
import { createPages, type Pages } from "../../../src/shared/session-log/follow/pages.ts";
import { SESSION_STATE } from "../../../src/shared/session-log/follow/stored-event.ts";
import type { WatchDeps } from "../../../src/shared/session-log/follow/watch.ts";
import { provisionSessions } from "../../../src/shared/session-log/provision.ts";
import type { OwnerDeps } from "../../../src/worker/owner.ts";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";

/** A broker with a log of sessions. */
export async function sessionsBroker(): Promise<TestBroker> {
  const broker = await startTestBroker({ sync: false });
  const admin = await broker.connect("admin");
  await provision(admin, { logBytes: 16 * 1024 * 1024 });
  await provisionSessions(admin, { replicas: 1, isNew: true });
  return broker;
}

export type Follower = WatchDeps & { nc: NatsConnection; jsm: JetStreamManager; close(): void };

/** What a process that serves watchers has. */
export async function follower(broker: TestBroker, signal: AbortSignal): Promise<Follower> {
  const nc = await broker.connect("serve");
  const jsm = await jetstreamManager(nc, { checkAPI: false, timeout: 2000 });
  const clock = systemClock;
  const pages = createPages({ nc, clock, inboxPrefix: SERVE_INBOX });
  const leader = createLeader({ jsm, clock, signal });
  const hub = await openHub({ nc, pages, leader, clock, log: silentLogger(), signal });
  return { nc, jsm, hub, pages, leader, clock, close: () => hub.close() };
}

export type Registry = PutDeps & { keys: Pages; pages: Pages; random: () => string };

/** What a process has that makes, lists and deletes sessions: one of serve's. */
export async function registry(
  broker: { connect(role: "serve"): Promise<NatsConnection> },
  signal: AbortSignal,
): Promise<Registry> {
  const nc = await broker.connect("serve");
  const jsm = await jetstreamManager(nc, { checkAPI: false, timeout: 2000 });
  const clock = systemClock;
  const keys = createPages({ nc, clock, inboxPrefix: SERVE_INBOX, store: SESSION_STATE });
  const pages = createPages({ nc, clock, inboxPrefix: SERVE_INBOX });
  return { nc, jsm, clock, signal, keys, pages, room: () => Infinity, random: randomUUID };
}

/** Makes writers of sessions' owners, with the worker's login. */
export async function worker(
  broker: Pick<TestBroker, "connect">,
  signal: AbortSignal,
): Promise<(session: string, last?: number) => OwnerWriter> {
  const nc = await broker.connect("worker");
  const jsm = await jetstreamManager(nc, { checkAPI: false, timeout: 2000 });
  return (session, last = 0) =>
    createOwnerWriter({ nc, jsm, clock: systemClock, room: () => Infinity, session, last, signal });
}

/** The owner of a session that runs turns, with real envelopes. */
export type Agent = {
  writer: OwnerWriter;
  event(kind: string, turn?: string, data?: object): OwnerEvent;
  /** A turn with some texts. Resolves when its end is in the log; `stored` gets each event. */
  turn(texts: number, stored?: (kind: string, seq: number) => void): Promise<void>;
};

export async function agent(
  broker: Pick<TestBroker, "connect">,
  { name, id }: Pick<Session, "name" | "id">,
  signal: AbortSignal,
): Promise<Agent> {
  const writer = (await worker(broker, signal))(name);
  let n = 0;
  let turns = 0;
  const event = (kind: string, turn?: string, data: object = {}): OwnerEvent => {
    n++;
    const envelope = { id: `e${n}`, source: "worker" as const, kind, session: id, epoch: 1, n, at: 0 };
    const body = new TextEncoder().encode(JSON.stringify(data));
    const whole = { ...envelope, ...(turn === undefined ? {} : { turn }), body };
    return { id: envelope.id, kind, data: encodeSessionEnvelope(whole) };
  };
  return {
    writer,
    event,
    async turn(texts, stored) {
      const turn = `t${++turns}`;
      const kinds = ["turn_started", ...Array.from({ length: texts }, () => "text"), "turn_ended"];
      for (const kind of kinds) {
        const appended = await writer.append(event(kind, turn));
        if (appended.kind !== "stored") throw new Error(JSON.stringify(appended));
        stored?.(kind, appended.seq);
      }
    },
  };
}

/** The sweep of a process that keeps sessions within limits. */
export async function sweeper(
  broker: TestBroker,
  limits: RetentionLimits,
  signal: AbortSignal,
): Promise<Sweep> {
  const nc = await broker.connect("session-prune");
  const jsm = await jetstreamManager(nc, { checkAPI: false, timeout: 2000 });
  const of = { nc, clock: systemClock, inboxPrefix: SESSION_PRUNE_INBOX };
  const [pages, keys] = [createPages(of), createPages({ ...of, store: SESSION_STATE })];
  const leader = createLeader({ jsm, clock: systemClock, signal });
  return createSweep({ nc, jsm, pages, keys, leader, clock: systemClock, limits, signal });
}

/** What a worker's process has. */
export async function workerHome(
  broker: TestBroker,
  signal: AbortSignal,
): Promise<OwnerDeps & { keys: Pages }> {
  const nc = await broker.connect("worker");
  const jsm = await jetstreamManager(nc, { checkAPI: false, timeout: 2000 });
  const clock = systemClock;
  const log = silentLogger();
  const pages = createPages({ nc, clock, inboxPrefix: WORKER_INBOX });
  const keys = createPages({ nc, clock, inboxPrefix: WORKER_INBOX, store: SESSION_STATE });
  const leader = createLeader({ jsm, clock, signal });
  const hub = await openHub({ nc, pages, leader, clock, log, signal });
  return { nc, jsm, hub, pages, keys, leader, clock, signal, room: () => Infinity, random: randomUUID };
}
