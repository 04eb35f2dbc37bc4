import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { jetstreamManager, type JetStreamManager } from "@nats-io/jetstream";
import { provision } from "../../../src/shared/log/provision/provision.ts";
import type { BrokerAccess } from "../../../src/shared/log/broker.ts";
import { startCluster, type Cluster } from "../../support/cluster.ts";
import { spawnCoordinator, type CoordinatorProcess, type LedgerEntry } from "../../support/coordinator.ts";
import type { Report } from "../report.ts";
import { startService, type Service } from "../service.ts";
import { areSettled, arrivalsAt, deadMarkers, EVIDENCE } from "../stage.ts";

/** Three servers that replicate, a gateway and two relays as processes, and a coordinator that remembers every arrival. */
export type ClusterHome = {
  cluster: Cluster;
  coordinator: CoordinatorProcess;
  gateway: Service;
  relays: readonly [Service, Service];
  /** Of the operator. */
  jsm: JetStreamManager;
  /** File with the gateway's log lines. */
  gatewayLog: string;
  arrivals(): Promise<LedgerEntry[]>;
  dead(): Promise<Set<string>>;
  settled(markers: readonly string[], timeoutMs: number): Promise<boolean>;
  /** Moments (wall clock) that excuse repeats. */
  crashes: readonly number[];
  /** Something is wrong from now on: no checkpoint may be stored until the function that this returns is called. */
  trouble(this: void): () => void;
  /** When lines of a relay's log that begin a message so were written, in milliseconds since 1970. */
  said(relay: string, message: string): number[];
};

export type ClusterHomeOptions = {
  /** The servers sync every write. */
  syncs?: boolean;
  gatewayEnv?: (cluster: Cluster) => Record<string, string>;
};

const LOG_BYTES = 1024 ** 3;
/** Repeats of what was settled within a second before a moment of trouble are excused. */
const TROUBLE_MS = 500;
/** Servers that have just met may not place a stream yet. */
const PROVISION_MS = 60_000;

/** Plays on a cluster of its own. Logs are kept if a line does not hold or the play throws. */
export async function onCluster(
  report: Report,
  play: (home: ClusterHome) => Promise<void>,
  options: ClusterHomeOptions = {},
): Promise<void> {
  await using scope = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), EVIDENCE));
  const before = report.failed.length;
  let ended = false;
  scope.defer(async () => {
    if (ended && report.failed.length === before) await rm(dir, { recursive: true, force: true });
    else report.note("evidence", dir);
  });
  await play(await startHome(scope, dir, options));
  ended = true;
}

async function startHome(
  scope: AsyncDisposableStack,
  dir: string,
  { syncs = false, gatewayEnv }: ClusterHomeOptions,
): Promise<ClusterHome> {
  const crashes: number[] = [];
  const crashed = (): void => void crashes.push(Date.now());
  const cluster = scope.use(await startCluster({ syncs }));
  await provisionWhenFormed(cluster);
  const coordinator = scope.use(await spawnCoordinator());
  const start = async (name: string, main: string, env: Record<string, string>): Promise<Service> => {
    const logFile = join(dir, `${name}.log`);
    return scope.use(await startService({ name, main, logFile, journal: () => undefined, crashed, env }));
  };
  const relay = (name: string): Promise<Service> =>
    start(name, "relay/main.ts", {
      ...loginEnv(cluster.access("relay")),
      RUNNER_RELAY_COORDINATOR_URL: coordinator.url,
      RUNNER_RELAY_RELAY: name,
    });
  const relays = [await relay("relay-a"), await relay("relay-b")] as const;
  const gateway = await start("gateway", "gateway/main.ts", {
    ...loginEnv(cluster.access("gateway")),
    RUNNER_RELAY_DATA: join(dir, "gateway"),
    RUNNER_RELAY_GATEWAY: "gw1",
    ...gatewayEnv?.(cluster),
  });
  const operator = await cluster.connect("operator");
  const arrivals = (): Promise<LedgerEntry[]> => arrivalsAt(coordinator);
  const dead = (): Promise<Set<string>> => deadMarkers(operator);
  return {
    cluster,
    coordinator,
    gateway,
    relays,
    jsm: await jetstreamManager(operator, { checkAPI: false }),
    gatewayLog: join(dir, "gateway.log"),
    arrivals,
    dead,
    settled: (markers, timeoutMs) => areSettled({ arrivals, dead }, markers, timeoutMs),
    crashes,
    trouble() {
      crashed();
      const timer = setInterval(crashed, TROUBLE_MS);
      return () => {
        clearInterval(timer);
        crashed();
      };
    },
    said: (relay, message) => saidIn(join(dir, `${relay}.log`), message),
  };
}

function saidIn(file: string, message: string): number[] {
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line.includes(`"msg":"${message}`))
    .map((line) => Date.parse((JSON.parse(line) as { time: string }).time));
}

/** Makes the log with three replicas, as soon as the servers can. */
export async function provisionWhenFormed(cluster: Cluster): Promise<void> {
  const admin = await cluster.connect("admin");
  for (const end = performance.now() + PROVISION_MS; ; await delay(500)) {
    try {
      await provision(admin, { logBytes: LOG_BYTES, replicas: 3 });
      return;
    } catch (error) {
      if (performance.now() > end) throw error;
    }
  }
}

export function loginEnv({ servers, user = "", password = "" }: BrokerAccess): Record<string, string> {
  return { NATS_URL: servers.join(","), NATS_USER: user, NATS_PASSWORD: password };
}
