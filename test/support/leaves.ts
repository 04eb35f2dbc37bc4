import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { NatsConnection } from "@nats-io/nats-core";
import { freePort } from "../../src/cli/up/free-port.ts";
import { leafFiles, leafVariables } from "../../src/embedded/leaf.ts";
import { guarded, orphanGuard, type OrphanGuard } from "../../src/embedded/orphan.ts";
import { connectBroker, type BrokerAccess } from "../../src/shared/log/broker.ts";
import { gatewayInbox } from "../../src/shared/log/schema/subjects.ts";
import type { BrokerRole } from "../../src/shared/messages/permissions.ts";
import { inboxOf, natsServerPath } from "./broker.ts";
import { startLink, type Link } from "./link.ts";

/** A hub and hosts with a log each, from the files that `provision --leaf` and `deploy/nats/hub` have. */
export type Leaves = {
  hub: Server;
  hosts: Host[];
  [Symbol.asyncDispose](): Promise<void>;
};

/** One nats-server. */
export type Server = {
  /** kill -9; returns when it is gone. */
  kill(): Promise<void>;
  /** On the same port and store; returns when it takes clients. */
  start(): Promise<void>;
};

/** A host with its own nats-server, and its account at the hub. */
export type Host = {
  name: string;
  gateway: string;
  runner: string;
  server: Server;
  /** Its network to the hub. */
  link: Link;
  configFile: string;
  monitor: string;
  /** On the host, and at the hub. */
  access(at: "host" | "hub", role: BrokerRole): BrokerAccess;
  connect(at: "host" | "hub", role: BrokerRole): Promise<NatsConnection>;
  /** At the hub, with the login that the host's server has there. */
  connectLink(): Promise<NatsConnection>;
};

const PASSWORD = "p0123456789";

export async function startLeaves(count: number): Promise<Leaves> {
  await using scope = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "rr-leaves-"));
  scope.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 5 }));
  const plans = Array.from({ length: count }, (_, i) => ({
    name: `leaf${i + 1}`,
    gateway: "gw1",
    runner: `leaf${i + 1}`,
  }));
  const names = plans.map(({ name }) => name);
  const run = { binary: await natsServerPath(), guard: orphanGuard(process.platform, process.env["PATH"]) };
  for (const { path, text } of plans.flatMap((plan) => leafFiles(plan, names))) write(join(dir, path), text);
  const [port, leafPort] = [await freePort(), await freePort()];
  const hubFile = join(dir, "hub/nats-server.conf");
  const hubText = readFileSync(hubFile, "utf8")
    .replace("port: 4222", `listen: "127.0.0.1:${port}"`)
    .replace("port: 7422", `listen: "127.0.0.1:${leafPort}"`)
    .replace(/^http: .*\n/m, "");
  writeFileSync(hubFile, hubText);
  const variables = plans.flatMap((plan) => leafVariables(plan).hub);
  const hub = serverOf({ ...run, config: hubFile, port, env: passwords(variables) });
  scope.defer(() => hub.kill());
  await hub.start();
  const connections: NatsConnection[] = [];
  const hosts: Host[] = [];
  for (const plan of plans) {
    const link = scope.use(await startLink(`${plan.name} – hub`, { host: "127.0.0.1", port: leafPort }));
    const [ownPort, monitorPort] = [await freePort(), await freePort()];
    const config = join(dir, plan.name, "nats-server.conf");
    const text = readFileSync(config, "utf8")
      .replace("127.0.0.1:4222", `127.0.0.1:${ownPort}`)
      .replace("127.0.0.1:8222", `127.0.0.1:${monitorPort}`)
      .replace("store_dir: /data", `store_dir: "${join(dir, plan.name, "store")}"`);
    writeFileSync(config, text);
    const env = {
      ...passwords(leafVariables(plan).host),
      HUB_URL: `nats://${plan.name}-link:${PASSWORD}@${link.address}`,
    };
    const server = serverOf({ ...run, config, port: ownPort, env });
    scope.defer(() => server.kill());
    await server.start();
    const access = (at: "host" | "hub", role: BrokerRole): BrokerAccess => {
      const user = role === "gateway" ? `gateway-${plan.gateway}` : role;
      return {
        servers: [`nats://127.0.0.1:${at === "host" ? ownPort : port}`],
        user: at === "host" ? user : `${plan.name}-${role}`,
        password: PASSWORD,
      };
    };
    const connectAs = async (to: BrokerAccess, inboxPrefix: string): Promise<NatsConnection> => {
      const connection = await connectBroker(to, { name: "test", inboxPrefix, waitMs: 10_000 });
      connections.push(connection);
      return connection;
    };
    hosts.push({
      ...plan,
      server,
      link,
      configFile: config,
      monitor: `http://127.0.0.1:${monitorPort}`,
      access,
      connect: (at, role) => connectAs(access(at, role), inboxOf(role, plan.gateway)),
      connectLink: () =>
        connectAs({ ...access("hub", "relay"), user: `${plan.name}-link` }, gatewayInbox(plan.gateway)),
    });
  }
  scope.defer(() => Promise.allSettled(connections.map((it) => it.close())).then(() => undefined));
  const home = scope.move();
  return { hub, hosts, [Symbol.asyncDispose]: () => home.disposeAsync() };
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

function passwords(variables: readonly string[]): Record<string, string> {
  return Object.fromEntries(variables.map((name) => [name, PASSWORD]));
}

function serverOf(options: {
  binary: string;
  guard: OrphanGuard;
  config: string;
  port: number;
  env: Record<string, string>;
}): Server {
  const { binary, guard, config, port, env } = options;
  let child: ChildProcess | undefined;
  return {
    async kill() {
      const running = child;
      child = undefined;
      if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
      const gone = once(running, "exit");
      running.kill("SIGKILL");
      await gone;
    },
    async start() {
      const [file, ...args] = guarded(guard, [binary, "-c", config]);
      const started = spawn(file, args, { env, stdio: ["pipe", "ignore", "pipe"] });
      child = started;
      let said = "";
      started.stderr?.on("data", (chunk: Buffer) => (said = (said + chunk.toString()).slice(-4000)));
      while (!(await answers(port))) {
        if (started.exitCode !== null || started.signalCode !== null) throw new Error(`${config}: ${said}`);
        await delay(20);
      }
    },
  };
}

/** A nats-server says who it is to anyone who connects. */
async function answers(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "data");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
