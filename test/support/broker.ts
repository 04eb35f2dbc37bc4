import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NatsConnection } from "@nats-io/transport-node";
import { brokerEnv, findBroker } from "../../src/embedded/binary.ts";
import { orphanGuard } from "../../src/embedded/orphan.ts";
import { startBroker } from "../../src/embedded/server.ts";
import { connectBroker, type BrokerAccess } from "../../src/shared/log/broker.ts";
import { silentLogger } from "../../src/shared/base/logger.ts";
import type { BrokerRole, GatewayUser } from "../../src/shared/messages/permissions.ts";
import {
  ADMIN_INBOX,
  CONSOLE_INBOX,
  gatewayInbox,
  OPERATOR_INBOX,
  PRUNE_INBOX,
  RELAY_INBOX,
  SERVE_INBOX,
  SESSION_PRUNE_INBOX,
  TOKENS_INBOX,
  WORKER_INBOX,
} from "../../src/shared/log/schema/subjects.ts";

// global-setup.ts chooses where brokers run · broker-container.ts runs them in containers

/** What a local process and a container have in common. */
export type BrokerBox = {
  url: string;
  /** Without secrets; names `sync_interval`. */
  configFile: string;
  access: (role: BrokerRole, gateway?: string) => BrokerAccess;
  /** Of the local process; a container has none that we could use. */
  pid: () => number;
  /** As a crash: returns when the process is gone. */
  kill9: () => Promise<void>;
  /** Same port, same store; also after {@link kill9}. */
  restart: () => Promise<void>;
  /** Has batches staged in memory as `up` does, once the log is made; a restart does so by itself. A container stages on its disk. */
  linkStaging: () => Promise<void>;
  stop: () => Promise<void>;
};

/** A real nats-server with the product's own configuration, on a port and in a folder of its own. */
export type TestBroker = Omit<BrokerBox, "stop"> & {
  /** Everything of it; removed at the end. */
  dataDir: string;
  /** A connection of one of our users, with the inbox that its permissions allow. Closed with the broker. */
  connect: (role: BrokerRole, gateway?: string) => Promise<NatsConnection>;
  [Symbol.asyncDispose]: () => Promise<void>;
};

export type TestBrokerOptions = {
  /** False: no fsync per write, as in replicated deployments. Default: as the product. */
  sync?: boolean;
  /** Default: `gw1` and `gw2`, both for any runner: tests of other things append what they need. */
  gateways?: GatewayUser[];
};

/** Starts a broker for one test: `await using broker = await startTestBroker()`. */
export async function startTestBroker(options: TestBrokerOptions = {}): Promise<TestBroker> {
  const dataDir = await mkdtemp(join(tmpdir(), "rr-broker-"));
  const start = process.env["TEST_BROKER"] === "container" ? startContainer : startLocal;
  const gateways = options.gateways ?? ["gw1", "gw2"].map((gateway) => ({ gateway, runner: undefined }));
  const { stop, ...box } = await start(dataDir, gateways, options.sync ?? true);
  const connections: NatsConnection[] = [];
  return {
    ...box,
    dataDir,
    async connect(role, gateway = "gw1") {
      const access = box.access(role, role === "gateway" ? gateway : undefined);
      const connection = await connectBroker(access, {
        name: `test ${role}`,
        inboxPrefix: inboxOf(role, gateway),
      });
      connections.push(connection);
      return connection;
    },
    async [Symbol.asyncDispose]() {
      await Promise.allSettled(connections.map((connection) => connection.close()));
      await stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** Inbox prefix that a user may subscribe to. */
export function inboxOf(role: BrokerRole, gateway = "gw1"): string {
  const inboxes = {
    relay: RELAY_INBOX,
    console: CONSOLE_INBOX,
    operator: OPERATOR_INBOX,
    admin: ADMIN_INBOX,
    prune: PRUNE_INBOX,
    serve: SERVE_INBOX,
    worker: WORKER_INBOX,
    "session-prune": SESSION_PRUNE_INBOX,
    tokens: TOKENS_INBOX,
  };
  return role === "gateway" ? gatewayInbox(gateway) : inboxes[role];
}

/** The nats-server that global-setup.ts found, or one found now (outside vitest). */
export async function natsServerPath(): Promise<string> {
  const missing = process.env["TEST_BROKER_MISSING"];
  if (missing !== undefined) throw new Error(missing);
  return (await findBroker({ env: brokerEnv(process.env), log: silentLogger() })).path;
}

async function startLocal(dataDir: string, gateways: GatewayUser[], syncAlways: boolean): Promise<BrokerBox> {
  const binary = await natsServerPath();
  const guard = orphanGuard(process.platform, process.env["PATH"]);
  const broker = await startBroker({ binary, dataDir, gateways, guard, syncAlways, log: silentLogger() });
  const { url, configFile, access, pid, restart, stop } = broker;
  const kill9 = async (): Promise<void> => {
    process.kill(pid(), "SIGKILL");
    await broker.exited;
  };
  return { url, configFile, access, pid, kill9, restart, linkStaging: () => broker.staging.link(), stop };
}

/** Loaded only then: the container library takes a while. */
async function startContainer(
  dataDir: string,
  gateways: GatewayUser[],
  syncAlways: boolean,
): Promise<BrokerBox> {
  const { startBrokerContainer } = await import("./broker-container.ts");
  return startBrokerContainer(dataDir, gateways, syncAlways);
}
