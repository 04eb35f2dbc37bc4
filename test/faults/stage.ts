import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { deadLetters } from "../../src/shared/log/state/dead-letters.ts";
import { provision } from "../../src/shared/log/provision/provision.ts";
import type { BrokerAccess } from "../../src/shared/log/broker.ts";
import { decodeEnvelope } from "../../src/shared/log/schema/envelope.ts";
import { startTestBroker, type TestBroker } from "../support/broker.ts";
import { spawnCoordinator, type CoordinatorProcess, type LedgerEntry } from "../support/coordinator.ts";
import type { GatewayUser } from "../../src/shared/messages/permissions.ts";
import type { Report } from "./report.ts";
import { startService, type Service } from "./service.ts";

// service.ts keeps one process running · load.ts plays the executors · checker.ts judges · campaigns/ what is done to it

/** Everything of the product as processes of its own, with a coordinator that remembers every arrival. */
export type Stage = {
  broker: TestBroker;
  coordinator: CoordinatorProcess;
  gateway: Service;
  relay: Service;
  /** One more relay. */
  addRelay(name: string): Promise<Service>;
  arrivals(): Promise<LedgerEntry[]>;
  /** Markers of the events that are dead letters. */
  dead(): Promise<Set<string>>;
  /** True as soon as each of these markers was carried out or is a dead letter. */
  settled(markers: readonly string[], timeoutMs: number): Promise<boolean>;
  /** Notes with the time what was done, for the evidence. */
  journal(this: void, what: string): void;
  /** kill -9, and a start on the same port `downMs` later; both are over when `restarted` settles. */
  killBroker(downMs: number): Promise<{ restarted: Promise<void> }>;
  /** Moments (wall clock) that excuse repeats: a relay or the broker ended, or what a campaign tells by {@link Stage.crashed}. */
  crashes: readonly number[];
  crashed(this: void): void;
  /** How often the product logged this message. */
  logged(message: string): Promise<number>;
  /** Leaves logs, journal and ledger in a folder, for a person who looks for the reason; returns it. */
  keepEvidence(): Promise<string>;
  [Symbol.asyncDispose](): Promise<void>;
};

export type StageOptions = {
  /** Users of the broker for gateways beside the real one. */
  gateways?: readonly GatewayUser[];
  /** Partitions of the log, if not the usual number. */
  shards?: number;
  gatewayEnv?: Record<string, string>;
  relayEnv?: Record<string, string>;
};

const LOG_BYTES = 1024 ** 3;
/** What the name of a stage's folder begins with; it stays only as evidence. */
export const EVIDENCE = "rr-faults-";

/** Plays on a stage of its own. Logs and ledger are kept if a line does not hold or the play throws. */
export async function onStage(
  report: Report,
  play: (stage: Stage) => Promise<void>,
  options: StageOptions = {},
): Promise<void> {
  await using stage = await startStage(options);
  let ended = false;
  try {
    await play(stage);
    ended = true;
  } finally {
    if (!ended || report.failed.length > 0) report.note("evidence", await stage.keepEvidence());
  }
}

async function startStage(options: StageOptions): Promise<Stage> {
  await using scope = new AsyncDisposableStack();
  let home: AsyncDisposableStack = scope;
  const dir = await mkdtemp(join(tmpdir(), EVIDENCE));
  const done: string[] = [];
  const journal = (what: string): void => void done.push(`${Date.now()} ${what}`);
  const crashes: number[] = [];
  const crashed = (): void => void crashes.push(Date.now());
  let keep = false;
  scope.defer(async () => {
    if (!keep) await rm(dir, { recursive: true, force: true });
  });
  const gateways = [{ gateway: "gw1", runner: undefined }, ...(options.gateways ?? [])];
  const broker = scope.use(await startTestBroker({ gateways }));
  await provision(await broker.connect("admin"), {
    logBytes: LOG_BYTES,
    ...(options.shards === undefined ? {} : { shards: options.shards }),
  });
  await broker.linkStaging();
  const operator = await broker.connect("operator");
  const coordinator = scope.use(await spawnCoordinator());

  async function addRelay(name: string): Promise<Service> {
    return home.use(
      await startService({
        name,
        main: "relay/main.ts",
        logFile: join(dir, `${name}.log`),
        journal,
        crashed,
        env: {
          ...loginEnv(broker.access("relay")),
          RUNNER_RELAY_COORDINATOR_URL: coordinator.url,
          RUNNER_RELAY_RELAY: name,
          ...options.relayEnv,
        },
      }),
    );
  }

  const gateway = scope.use(
    await startService({
      name: "gateway",
      main: "gateway/main.ts",
      logFile: join(dir, "gateway.log"),
      journal,
      env: {
        ...loginEnv(broker.access("gateway", "gw1")),
        RUNNER_RELAY_DATA: join(dir, "gateway"),
        RUNNER_RELAY_GATEWAY: "gw1",
        RUNNER_RELAY_BROKER_CONFIG: broker.configFile,
        ...options.gatewayEnv,
      },
    }),
  );
  const relay = await addRelay("relay-a");

  const arrivals = (): Promise<LedgerEntry[]> => arrivalsAt(coordinator);

  const dead = (): Promise<Set<string>> => deadMarkers(operator);

  home = scope.move();
  return {
    broker,
    coordinator,
    gateway,
    relay,
    addRelay,
    arrivals,
    dead,
    journal,
    async killBroker(downMs) {
      crashed();
      await broker.kill9();
      crashed(); // what went on until it was gone is excused as well
      journal("nats-server killed");
      const restarted = delay(downMs)
        .then(() => broker.restart())
        .then(() => {
          crashed(); // no checkpoint could be written until now, and a relay may be killed next
          journal("nats-server ready");
        });
      return { restarted };
    },
    crashes,
    crashed,
    settled: (markers, timeoutMs) => areSettled({ arrivals, dead }, markers, timeoutMs),
    async logged(message) {
      const logs = (await readdir(dir)).filter((name) => name.endsWith(".log"));
      const texts = await Promise.all(logs.map((name) => readFile(join(dir, name), "utf8")));
      return texts.join("").split(`"msg":${JSON.stringify(message)}`).length - 1;
    },
    async keepEvidence() {
      keep = true;
      await writeFile(join(dir, "journal.txt"), `${done.join("\n")}\n`);
      const lines = (await arrivals()).map((entry) => JSON.stringify(entry));
      await writeFile(join(dir, "ledger.ndjson"), `${lines.join("\n")}\n`);
      return dir;
    },
    [Symbol.asyncDispose]: () => home.disposeAsync(),
  };
}

/** The ledger, also while it is being written. */
export async function arrivalsAt(coordinator: Pick<CoordinatorProcess, "ledger">): Promise<LedgerEntry[]> {
  for (;;) {
    try {
      return await coordinator.ledger();
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      await delay(20); // the last line was half written
    }
  }
}

/** Markers of the events that are dead letters, read as the operator. */
export async function deadMarkers(operator: NatsConnection): Promise<Set<string>> {
  const markers = new Set<string>();
  const jsm = await jetstreamManager(operator, { checkAPI: false });
  for await (const letter of deadLetters(jsm)) {
    const body = JSON.parse(Buffer.from(decodeEnvelope(letter.payload).body).toString()) as {
      marker?: string;
    };
    if (body.marker !== undefined) markers.add(body.marker);
  }
  return markers;
}

/** True as soon as each of these markers was carried out or is a dead letter. */
export async function areSettled(
  { arrivals, dead }: Pick<Stage, "arrivals" | "dead">,
  markers: readonly string[],
  timeoutMs: number,
): Promise<boolean> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const applied = new Set((await arrivals()).filter((entry) => entry.applied).map((entry) => entry.marker));
    const missing = markers.filter((marker) => !applied.has(marker));
    if (missing.length === 0) return true;
    if (performance.now() > end) {
      const letters = await dead();
      return missing.every((marker) => letters.has(marker));
    }
    await delay(250);
  }
}

function loginEnv(access: BrokerAccess): Record<string, string> {
  return {
    NATS_URL: access.servers.join(","),
    NATS_USER: access.user ?? "",
    NATS_PASSWORD: access.password ?? "",
  };
}
