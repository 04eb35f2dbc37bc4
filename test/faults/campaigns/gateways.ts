import { Agent } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { jetstreamManager } from "@nats-io/jetstream";
import { shardOf } from "../../support/eight-shards.ts";
import { readWaiting } from "../../../src/shared/log/state/settlement.ts";
import { call } from "../../integration/gateway/harness.ts";
import { createAppender } from "../../support/relay.ts";
import type { Report } from "../report.ts";
import { sampleResident } from "../resident.ts";
import { simulatedName, startSimulatedGateways, type SimulatedGateways } from "../simulated-gateways.ts";
import { onStage, type Stage } from "../stage.ts";

export type GatewaysOptions = {
  gateways: number;
  /** Each gateway writes to as many of them as come to it. */
  sessions: number;
  /** Length of each measurement. */
  windowMs: number;
};

const MOST_MB = 150;
/** 96 MB with a thousand connections and users and an empty log; the rest is mostly what Go has not collected yet. */
const MOST_BROKER_MB = 300;
/** All traffic between gateways and relays but for events and answers (ADR 0059). */
const MOST_BYTES_PER_SECOND = 1024 ** 2;
const WRITERS = 64;
const EVENT_BYTES = 400;
const DRAIN_MS = 120_000;

/** A thousand gateways and ten thousand sessions that wait: what it costs that all of them know of it, and how long the drain takes. */
export async function gateways(options: GatewaysOptions, report: Report): Promise<void> {
  const users = Array.from({ length: options.gateways }, (_, i) => ({
    gateway: simulatedName(i),
    runner: undefined,
  }));
  await onStage(report, (stage) => play(options, report, stage), { gateways: users });
}

async function play(options: GatewaysOptions, report: Report, stage: Stage): Promise<void> {
  const { coordinator, gateway, relay, broker } = stage;
  const memory = sampleResident([gateway, relay]);
  const ofBroker = sampleResident([{ name: "nats-server", pid: () => broker.pid() }]);
  using crowd = await startSimulatedGateways(broker, options.gateways);
  await delay(options.windowMs / 2); // each of them has heard the relay
  await tellTraffic("while nothing waits", options, report, crowd);
  memory.tell(report, "while nothing waits", MOST_MB);

  stage.crashed();
  await coordinator.kill9();
  const sessions = Array.from({ length: options.sessions }, (_, i) => `crowd-${i}`);
  const appenders = Array.from({ length: crowd.size }, (_, i) =>
    createAppender(crowd.connection(i), simulatedName(i)),
  );
  const writeAll = async (some: readonly string[]): Promise<void> => {
    await inParallel([...some.entries()], async ([i, session]) => {
      await appenders[i % crowd.size]?.append(session);
    });
    for (const [i, session] of some.entries())
      crowd.stored(i % crowd.size, session, shardOf(session), EVENT_BYTES);
  };
  // a relay reads some 2,000 events ahead: of these it knows all, and is asked about each
  await writeAll(sessions.slice(0, crowd.size));
  await tellTraffic("each asks about a session that waits", options, report, crowd);
  const began = performance.now();
  await inParallel(sessions, (session) => post(gateway.url(), session));
  report.note("taken by the real gateway", `${sessions.length} events in ${seconds(began)}`);
  await writeAll(sessions.slice(crowd.size));
  await tellTraffic("in the outage", options, report, crowd);
  memory.tell(report, "in the outage", MOST_MB);

  const back = performance.now();
  const before = crowd.bytes();
  await coordinator.start();
  const jsm = await jetstreamManager(await broker.connect("operator"), { checkAPI: false });
  while ((await readWaiting(jsm)) > 0 && performance.now() - back < DRAIN_MS) await delay(100);
  const took = seconds(back);
  tellRate("while it drains", before, performance.now() - back, report, crowd);
  memory.tell(report, "while it drains", MOST_MB);
  const all = 2 * sessions.length;
  const drained = (await stage.arrivals()).filter((it) => it.applied && it.session?.startsWith("crowd-"));
  const keys = new Set(drained.map(({ key }) => key)).size;
  report.check("drained", keys === all, `${keys} of ${all} events, in ${took}`);
  report.note("repeats", String(drained.length - keys));

  await coordinator.kill9();
  await inParallel(sessions, (session) => post(gateway.url(), session));
  crowd.hearAsBefore();
  await delay(options.windowMs / 2);
  const whole = crowd.bytes();
  const since = performance.now();
  await delay(options.windowMs);
  const taken = ((crowd.bytes().taken - whole.taken) / (performance.now() - since)) * 1000;
  report.note("the same outage, heard as before ADR 0059", `${kib(taken)} a second`);
  ofBroker.tell(report, "with all their connections", MOST_BROKER_MB);
  memory.stop();
  ofBroker.stop();
}

async function tellTraffic(
  when: string,
  { windowMs }: GatewaysOptions,
  report: Report,
  crowd: SimulatedGateways,
): Promise<void> {
  const before = crowd.bytes();
  const since = performance.now();
  await delay(windowMs);
  tellRate(when, before, performance.now() - since, report, crowd);
}

function tellRate(
  when: string,
  before: ReturnType<SimulatedGateways["bytes"]>,
  elapsedMs: number,
  report: Report,
  crowd: SimulatedGateways,
): void {
  const now = crowd.bytes();
  const [taken, sent] = [now.taken - before.taken, now.sent - before.sent].map(
    (bytes) => (bytes / elapsedMs) * 1000,
  ) as [number, number];
  report.check(
    `traffic of ${crowd.size} gateways, ${when}`,
    taken + sent < MOST_BYTES_PER_SECOND,
    `${kib(taken)} taken, ${kib(sent)} sent a second (less than ${kib(MOST_BYTES_PER_SECOND)})`,
  );
}

const agent = new Agent({ keepAlive: true, maxSockets: WRITERS });

async function post(url: string, session: string): Promise<void> {
  const body = { session_id: session, event_type: "message", timestamp: new Date().toISOString() };
  const { status } = await call(url, "POST", "/events", body, { prefer: "respond-async" }, agent);
  if (status !== 202) throw new Error(`the gateway answered ${status}`);
}

async function inParallel<T>(items: readonly T[], what: (item: T) => Promise<void>): Promise<void> {
  const next = items.values();
  await Promise.all(
    Array.from({ length: WRITERS }, async () => {
      for (const item of next) await what(item);
    }),
  );
}

function kib(bytes: number): string {
  return `${(bytes / 1024).toFixed(1)} KiB`;
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}
