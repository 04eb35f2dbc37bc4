import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { provision } from "../../../src/shared/log/provision/provision.ts";
import type { BrokerAccess } from "../../../src/shared/log/broker.ts";
import { spawnCoordinator, type CoordinatorProcess, type LedgerEntry } from "../../support/coordinator.ts";
import { startLeaves, type Host, type Server } from "../../support/leaves.ts";
import { startService, type Service } from "../service.ts";
import { areSettled, arrivalsAt, deadMarkers } from "../stage.ts";

/** Hosts with a log and a gateway each, their relays at a hub, and a coordinator that remembers every arrival. */
export type LeafHome = {
  hub: Server;
  /** The folder with the login of each host's relay. */
  logs: string;
  coordinator: CoordinatorProcess;
  hosts: LeafHost[];
  arrivals(): Promise<LedgerEntry[]>;
  /** Markers of the dead letters of all hosts, read at the hosts. */
  dead(): Promise<Set<string>>;
  settled(markers: readonly string[], timeoutMs: number): Promise<boolean>;
  /** Moments (wall clock) that excuse repeats. */
  crashes: number[];
  [Symbol.asyncDispose](): Promise<void>;
};

export type LeafHost = Host & { gatewayService: Service; relay: Service };

/**
 * Logs of the processes go to `dir`, which stays; without it, into a folder that is removed at the end. `relays`: a process for each host, or one for all of
 * them, which is the `relay` of each then.
 */
export async function startLeafHome(
  count: number,
  { dir, relays = "each" }: { dir?: string; relays?: "each" | "one" } = {},
): Promise<LeafHome> {
  await using scope = new AsyncDisposableStack();
  const place = dir ?? (await mkdtemp(join(tmpdir(), "rr-leaf-home-")));
  if (dir === undefined) scope.defer(() => rm(place, { recursive: true, force: true }));
  const logs = join(place, "logs");
  const crashes: number[] = [];
  const coordinator = scope.use(await spawnCoordinator());
  const leaves = scope.use(await startLeaves(count));
  const hosts: LeafHost[] = [];
  for (const host of leaves.hosts) {
    await provision(await host.connect("host", "admin"), { logBytes: LOG_BYTES });
    await addLog(logs, host);
  }
  const all =
    relays === "one" ? scope.use(await startRelayOfAll(logs, coordinator.url, place, crashes)) : undefined;
  for (const host of leaves.hosts) {
    const relay = all ?? scope.use(await relayOf(host, coordinator.url, place, crashes));
    const gatewayService = scope.use(await gatewayOf(host, place));
    hosts.push({ ...host, relay, gatewayService });
  }
  const operators = await Promise.all(hosts.map((host) => host.connect("host", "operator")));
  const arrivals = (): Promise<LedgerEntry[]> => arrivalsAt(coordinator);
  const dead = async (): Promise<Set<string>> =>
    new Set((await Promise.all(operators.map(deadMarkers))).flatMap((found) => [...found]));
  const home = scope.move();
  return {
    hub: leaves.hub,
    logs,
    coordinator,
    hosts,
    arrivals,
    dead,
    settled: (markers, timeoutMs) => areSettled({ arrivals, dead }, markers, timeoutMs),
    crashes,
    [Symbol.asyncDispose]: () => home.disposeAsync(),
  };
}

const LOG_BYTES = 256 * 1024 ** 2;

function relayOf(host: Host, coordinator: string, dir: string, crashes: number[]): Promise<Service> {
  const name = `relay-${host.name}`;
  return startService({
    name,
    main: "relay/main.ts",
    logFile: join(dir, `${name}.log`),
    journal: () => undefined,
    crashed: () => void crashes.push(Date.now()),
    env: {
      ...loginEnv(host.access("hub", "relay")),
      RUNNER_RELAY_COORDINATOR_URL: coordinator,
      RUNNER_RELAY_RELAY: name,
    },
  });
}

/** One relay process for all logs of the folder. */
export function startRelayOfAll(
  logs: string,
  coordinator: string,
  dir: string,
  crashes: number[],
): Promise<Service> {
  return startService({
    name: "relay",
    main: "relay/main.ts",
    logFile: join(dir, "relay.log"),
    journal: () => undefined,
    crashed: () => void crashes.push(Date.now()),
    env: {
      RUNNER_RELAY_LOGS: logs,
      RUNNER_RELAY_COORDINATOR_URL: coordinator,
      RUNNER_RELAY_RELAY: "relay",
    },
  });
}

/** Adds a file to a folder of logs, as `provision --leaf` does. */
export async function addLog(folder: string, host: Host, password?: string): Promise<void> {
  const { servers, user, password: right } = host.access("hub", "relay");
  await mkdir(folder, { recursive: true });
  const text = `NATS_URL=${servers.join(",")}\nNATS_USER=${user}\nNATS_PASSWORD=${password ?? right}\n`;
  await writeFile(join(folder, `${host.name}.env`), text);
}

function gatewayOf(host: Host, dir: string): Promise<Service> {
  return startService({
    name: `gateway-${host.name}`,
    main: "gateway/main.ts",
    logFile: join(dir, `gateway-${host.name}.log`),
    journal: () => undefined,
    env: {
      ...loginEnv(host.access("host", "gateway")),
      RUNNER_RELAY_DATA: join(dir, `data-${host.name}`),
      RUNNER_RELAY_GATEWAY: host.gateway,
      RUNNER_RELAY_RUNNER: host.runner,
      RUNNER_RELAY_BROKER_MONITOR: host.monitor,
    },
  });
}

function loginEnv(access: BrokerAccess): Record<string, string> {
  return {
    NATS_URL: access.servers.join(","),
    NATS_USER: access.user ?? "",
    NATS_PASSWORD: access.password ?? "",
  };
}
