import { jetstreamManager, type JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { systemClock } from "../../../src/shared/base/clock.ts";
import { silentLogger } from "../../../src/shared/base/logger.ts";
import { provision } from "../../../src/shared/log/provision/provision.ts";
import { SERVE_INBOX } from "../../../src/shared/log/schema/subjects.ts";
import { createOwnerWriter, type OwnerWriter } from "../../../src/shared/session-log/append/owner-writer.ts";
import { openHub } from "../../../src/shared/session-log/follow/hub.ts";
import { createLeader } from "../../../src/shared/session-log/follow/leader.ts";
import { createPages } from "../../../src/shared/session-log/follow/pages.ts";
import type { WatchDeps } from "../../../src/shared/session-log/follow/watch.ts";
import { provisionSessions } from "../../../src/shared/session-log/provision.ts";
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

/** Makes writers of sessions' owners, with the worker's login. */
export async function worker(
  broker: TestBroker,
  signal: AbortSignal,
): Promise<(session: string, last?: number) => OwnerWriter> {
  const nc = await broker.connect("worker");
  const jsm = await jetstreamManager(nc, { checkAPI: false, timeout: 2000 });
  return (session, last = 0) => createOwnerWriter({ nc, jsm, clock: systemClock, session, last, signal });
}
