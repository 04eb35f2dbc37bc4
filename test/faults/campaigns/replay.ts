import { SHARDS } from "../../support/eight-shards.ts";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { fillLog } from "../../../bench/fill.ts";
import { provision } from "../../../src/shared/log/provision/provision.ts";
import { openReplay, previewReplay } from "../../../src/operate/replay/replay.ts";
import { encodeCheckpoint, freshCheckpoint } from "../../../src/shared/log/state/checkpoint.ts";
import { systemClock } from "../../../src/shared/base/clock.ts";
import { STATE_BUCKET, stateKey } from "../../../src/shared/log/schema/topology.ts";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { spawnCoordinator, type CoordinatorProcess } from "../../support/coordinator.ts";
import { runCommand } from "../command.ts";
import { startLoad, type Call } from "../load.ts";
import { seededRandom } from "../random.ts";
import { ms, quantile, type Report } from "../report.ts";
import { startService, type Service } from "../service.ts";

export type ReplayOptions = {
  seed: number;
  /** Events in the log, over this many sessions. */
  events: number;
  sessions: number;
  /** Events of the long replay, and how many a second. */
  replayed: number;
  perSecond: number;
  /** Writers beside it, and events a second of each. */
  writers: number;
  writes: number;
  /** Length of the measurement before and after it. */
  calmMs: number;
};

const LOG_BYTES = 4 * 1024 ** 3;
/** For the replay of one session of a hundred events, from the start of the command to the last event at the coordinator. */
const MOST_MS = 2000;
/** Live events may take this many times longer at p99 while a replay runs. */
const MOST_TIMES = 2;
const WINDOW_MS = 5000;
/** Messages beyond the events themselves: ends of pages, stream and consumer information, checkpoints. */
const MOST_OTHER_MESSAGES = 60;

/** A replay reads what it needs, takes seconds, and leaves live events alone. */
export async function replay(options: ReplayOptions, report: Report): Promise<void> {
  await using scope = new AsyncDisposableStack();
  const broker = scope.use(await startTestBroker());
  await provision(await broker.connect("admin"), { logBytes: LOG_BYTES });
  const { events, sessions } = options;
  await fillLog(await broker.connect("gateway"), { events, sessions, prefix: "old" });
  await settleAll(await broker.connect("admin"));
  const coordinator = scope.use(await spawnCoordinator());
  const { gateway } = await startServices(scope, broker, coordinator);
  await one(options, report, broker, coordinator);
  await beside(options, report, broker, gateway);
}

/** As if all that is there was delivered long ago: with checkpoints of another log it is to be said where relays start. */
async function settleAll(admin: NatsConnection): Promise<void> {
  const other = encodeCheckpoint(freshCheckpoint("another log", 0));
  for (let shard = 0; shard < SHARDS; shard++)
    await admin.request(`$KV.${STATE_BUCKET}.${stateKey.checkpoint(shard)}`, other, { timeout: 5000 });
  await provision(admin, { logBytes: LOG_BYTES, from: "new" });
}

/** One session's events out of all. */
async function one(
  options: ReplayOptions,
  report: Report,
  broker: TestBroker,
  coordinator: CoordinatorProcess,
): Promise<void> {
  const expected = options.events / options.sessions;
  const times: number[] = [];
  for (const session of [`old-${options.sessions - 1}`, "old-0", `old-${Math.floor(options.sessions / 2)}`]) {
    const before = (await coordinator.ledger()).length;
    const began = performance.now();
    const { stdout } = await runCommand(broker, "replay", "--session", session, "--yes", "--json");
    const { sent } = JSON.parse(stdout) as { sent: number };
    const arrived = async (): Promise<number> =>
      (await coordinator.ledger()).slice(before).filter((entry) => entry.session === session && entry.applied)
        .length;
    while ((await arrived()) < sent && performance.now() - began < 20_000) await delay(10);
    times.push(performance.now() - began);
    if (sent !== expected) report.check(`events of ${session}`, false, `${sent} of ${expected}`);
  }
  report.check(
    `replay of ${expected} events of one session out of ${options.sessions}`,
    Math.max(...times) <= MOST_MS,
    `${times.map(ms).join(", ")}, to the last at the coordinator (at most ${ms(MOST_MS)})`,
  );
  const nc = await broker.connect("operator");
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  const deps = { nc, jsm, clock: systemClock };
  const record = await openReplay(deps, "look", { sessions: ["old-7"], kinds: [], includeBinds: false });
  const before = nc.stats().inMsgs;
  let looked = 0;
  for await (const { choice } of previewReplay(deps, record)) if (choice.kind === "send") looked++;
  const read = nc.stats().inMsgs - before;
  report.check(
    "messages that the broker sent for it",
    looked === expected && read <= expected + MOST_OTHER_MESSAGES,
    `${read} for ${looked} events in a log of ${options.events}`,
  );
}

/** Live events before, beside and after a long replay. */
async function beside(
  options: ReplayOptions,
  report: Report,
  broker: TestBroker,
  gateway: Service,
): Promise<void> {
  const load = startLoad({
    url: () => gateway.url(),
    random: seededRandom(options.seed),
    writers: Array.from({ length: options.writers }, (_, i) => ({
      session: `live-${i}`,
      perSecond: options.writes,
    })),
  });
  await delay(2000); // connections and code are warm
  const start = Date.now();
  await delay(options.calmMs);
  const began = Date.now();
  const rate = ["--rate", `${options.perSecond}/s`];
  const { stdout } = await runCommand(
    broker,
    "replay",
    "--to-seq",
    String(options.replayed),
    ...rate,
    "--yes",
    "--json",
  );
  const ended = Date.now();
  await delay(options.calmMs);
  await load.stop();
  const { sent } = JSON.parse(stdout) as { sent: number };
  const windows = (from: number, to: number): number[] => p99s(load.calls, from, to);
  const calm = quantile([...windows(start, began), ...windows(ended, ended + options.calmMs)], 0.5);
  const during = quantile(windows(began, ended), 0.5);
  report.check("events of the long replay", sent === options.replayed, String(sent));
  report.note("its pace", `${Math.round((1000 * sent) / (ended - began))}/s of ${options.perSecond}/s`);
  report.note("live events a second", String(options.writers * options.writes));
  const p50 = (from: number, to: number): number => quantile(within(load.calls, from, to), 0.5);
  report.note(
    "their p50 before, during, after",
    [p50(start, began), p50(began, ended), p50(ended, Infinity)].map(ms).join(", "),
  );
  const whole = (from: number, to: number): number => quantile(within(load.calls, from, to), 0.99);
  report.note(
    "their p99 before, during, after",
    [whole(start, began), whole(began, ended), whole(ended, Infinity)].map(ms).join(", "),
  );
  report.check(
    `their p99 during the replay, median of windows`,
    during <= calm * MOST_TIMES,
    `${ms(during)} (before and after ${ms(calm)}; at most ${MOST_TIMES} times)`,
  );
}

function within(calls: readonly Call[], from: number, to: number): number[] {
  return calls.filter(({ startedAt }) => startedAt >= from && startedAt < to).map((call) => call.ms);
}

/** p99 of each window: a machine's hiccup spoils one of them, not the figure. */
function p99s(calls: readonly Call[], from: number, to: number): number[] {
  const found: number[] = [];
  for (let at = from; at + WINDOW_MS <= to; at += WINDOW_MS)
    found.push(quantile(within(calls, at, at + WINDOW_MS), 0.99));
  return found;
}

async function startServices(
  scope: AsyncDisposableStack,
  broker: TestBroker,
  coordinator: CoordinatorProcess,
): Promise<{ gateway: Service }> {
  const dir = await mkdtemp(join(tmpdir(), "rr-replay-"));
  scope.defer(() => rm(dir, { recursive: true, force: true }));
  const journal = (): void => undefined;
  const login = (role: "relay" | "gateway"): Record<string, string> => {
    const { user = "", password = "" } = broker.access(role, role === "gateway" ? "gw1" : undefined);
    return { NATS_URL: broker.url, NATS_USER: user, NATS_PASSWORD: password };
  };
  const start = async (name: "relay" | "gateway", env: Record<string, string>): Promise<Service> =>
    scope.use(
      await startService({
        name,
        main: `${name}/main.ts`,
        logFile: join(dir, `${name}.log`),
        journal,
        env: { ...login(name), ...env },
      }),
    );
  await start("relay", { RUNNER_RELAY_COORDINATOR_URL: coordinator.url, RUNNER_RELAY_RELAY: "relay-a" });
  const gateway = await start("gateway", {
    RUNNER_RELAY_DATA: join(dir, "gateway"),
    RUNNER_RELAY_GATEWAY: "gw1",
    RUNNER_RELAY_BROKER_CONFIG: broker.configFile,
  });
  return { gateway };
}
