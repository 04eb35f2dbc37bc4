import { mkdirSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { NatsConnection } from "@nats-io/nats-core";
import { connect } from "@nats-io/transport-node";
import { freePort } from "../../src/cli/up/free-port.ts";
import { usersConfig } from "../../src/embedded/config.ts";
import { orphanGuard } from "../../src/embedded/orphan.ts";
import { spawnServer, type ServerProcess } from "../../src/embedded/process.ts";
import { brokerUsers, loginOf } from "../../src/embedded/users.ts";
import { systemClock } from "../../src/shared/base/clock.ts";
import { silentLogger } from "../../src/shared/base/logger.ts";
import { connectBroker, type BrokerAccess } from "../../src/shared/log/broker.ts";
import { MAX_PAYLOAD } from "../../src/shared/log/schema/topology.ts";
import type { BrokerRole } from "../../src/shared/messages/permissions.ts";
import { inboxOf, natsServerPath } from "./broker.ts";

const SERVERS = 3;
/** An address where no server is. */
const NOBODY = "127.0.0.1:1";

/** A user that the product does not have. */
const FREE = { user: "free", password: "may-do-anything" };
const FREE_USER = `{ user: "${FREE.user}", password: "${FREE.password}" }\n`;

/** Three nats-servers that replicate, with the product's own users. */
export type Cluster = {
  access(role: BrokerRole): BrokerAccess;
  connect(role: BrokerRole): Promise<NatsConnection>;
  /** A connection of a user who may do anything, to one server: to play a part of the servers themselves. */
  connectFreely(server: number): Promise<NatsConnection>;
  /** The same without our look at servers that hang: the client by itself leaves one after 15 s. */
  connectUnwatched(server: number): Promise<NatsConnection>;
  /** Process ids of the servers; undefined for one that is down. */
  pids(): (number | undefined)[];
  /** kill -9, and a start on the same store `downMs` later. Resolves when it is ready again. */
  kill(server: number, downMs: number): Promise<void>;
  /** kill -9, for good. */
  crash(server: number): Promise<void>;
  /** A start on the same store. Resolves when JetStream answers. `syncs`: from now on, else as before. */
  start(server: number, syncs?: boolean): Promise<void>;
  /** URLs of the servers' monitoring pages. */
  monitors: readonly string[];
  [Symbol.asyncDispose](): Promise<void>;
};

type Node = {
  name: string;
  port: number;
  routePort: number;
  monitorPort: number;
  dir: string;
  /** Every write is on the disk before it is acknowledged. */
  syncs: boolean;
  maxFileStore: string;
  process?: ServerProcess;
};

/** Address by which a server reaches the port of another one for servers. */
export type Route = (from: number, to: number, port: number) => Promise<string>;

/** `syncs`: with `sync_interval: always`, instead of the server's default. `maxFileStore`: what the streams of one server may reserve, as nats-server writes it. */
export async function startCluster({
  syncs = false,
  maxFileStore = "1000T",
  route,
}: { syncs?: boolean; maxFileStore?: string; route?: Route } = {}): Promise<Cluster> {
  await using scope = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "rr-cluster-"));
  scope.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 5 }));
  const binary = await natsServerPath();
  const guard = orphanGuard(process.platform, process.env["PATH"]);
  const users = brokerUsers([{ gateway: "gw1", runner: undefined }]);
  const admin = loginOf(users, "admin");
  const nodes: Node[] = [];
  for (let i = 0; i < SERVERS; i++) {
    const node: Node = {
      name: `n${i}`,
      port: await freePort(),
      routePort: await freePort(),
      monitorPort: await freePort(),
      dir: join(dir, `n${i}`),
      syncs,
      maxFileStore,
    };
    mkdirSync(node.dir);
    nodes.push(node);
  }
  const routes: string[] = []; // one proxy each, also after a restart
  const start = async (node: Node): Promise<void> => {
    const configFile = join(node.dir, "nats-server.conf");
    const from = nodes.indexOf(node);
    routes[from] ??= await routesOf(from, nodes, route);
    writeFileSync(configFile, configOf(node, routes[from]));
    const server = { binary, configFile, runDir: node.dir, admin, guard };
    node.process = await spawnServer({ ...server, clock: systemClock, log: silentLogger() });
  };
  const usersText = usersConfig(users).replace("users: [", `users: [${FREE_USER}`);
  for (const node of nodes) writeFileSync(join(node.dir, "users.conf"), usersText);
  scope.defer(async () => {
    for (const node of nodes) await node.process?.stop();
  });
  await Promise.all(nodes.map(start)); // none answers alone
  const connections: NatsConnection[] = [];
  scope.defer(() => Promise.allSettled(connections.map((it) => it.close())).then(() => undefined));
  const servers = nodes.map(({ port }) => `nats://127.0.0.1:${port}`);
  const access = (role: BrokerRole): BrokerAccess => ({ servers, ...loginOf(users, role) });
  const kept = async (connecting: Promise<NatsConnection>): Promise<NatsConnection> => {
    const connection = await connecting;
    connections.push(connection);
    return connection;
  };
  const crash = async (server: number): Promise<void> => {
    const node = nodes[server];
    const running = node?.process;
    if (node === undefined || running === undefined) return;
    delete node.process;
    process.kill(running.pid, "SIGKILL");
    await running.exited;
  };
  const startAgain = async (server: number, nowSyncs?: boolean): Promise<void> => {
    const node = nodes[server];
    if (node === undefined || node.process !== undefined) return;
    node.syncs = nowSyncs ?? node.syncs;
    await start(node);
  };
  const home = scope.move();
  return {
    access,
    connect: (role) =>
      kept(connectBroker(access(role), { name: `test ${role}`, inboxPrefix: inboxOf(role) })),
    connectFreely(server) {
      const one = { servers: servers.slice(server, server + 1), ...FREE };
      return kept(connectBroker(one, { name: "test free", inboxPrefix: "_INBOX_free" }));
    },
    connectUnwatched: (server) =>
      kept(
        connect({
          servers: servers.slice(server, server + 1),
          user: FREE.user,
          pass: FREE.password,
          maxReconnectAttempts: -1,
          pingInterval: 5000,
          maxPingOut: 2,
        }),
      ),
    pids: () => nodes.map((node) => node.process?.pid),
    async kill(server, downMs) {
      await crash(server);
      await delay(downMs);
      await startAgain(server);
    },
    crash,
    start: startAgain,
    monitors: nodes.map(({ monitorPort }) => `http://127.0.0.1:${monitorPort}`),
    [Symbol.asyncDispose]: () => home.disposeAsync(),
  };
}

/** Lines of a server's configuration that say how it reaches the others. */
async function routesOf(from: number, nodes: readonly Node[], route: Route | undefined): Promise<string> {
  const routes: string[] = [];
  for (const [to, { routePort }] of nodes.entries()) {
    const address =
      route === undefined || to === from ? `127.0.0.1:${routePort}` : await route(from, to, routePort);
    routes.push(`"nats://${address}"`);
  }
  // Servers tell each other where one that comes is: that must not lead past the routes.
  const advertise = route === undefined ? "" : `, advertise: "${NOBODY}"`;
  return `routes: [${routes.join(", ")}]${advertise}`;
}

function configOf(
  { name, port, routePort, monitorPort, dir, syncs, maxFileStore }: Node,
  routes: string,
): string {
  return `include "users.conf"
server_name: "${name}"
host: "127.0.0.1"
port: ${port}
http: "127.0.0.1:${monitorPort}"
pid_file: "${join(dir, "nats-server.pid")}"
ports_file_dir: "${dir}"
max_payload: ${MAX_PAYLOAD}
cluster { name: "test", host: "127.0.0.1", port: ${routePort}, ${routes} }
jetstream { store_dir: "${join(dir, "store")}", max_memory_store: 64M, max_file_store: ${maxFileStore}${syncs ? ", sync_interval: always" : ""} }
`;
}
