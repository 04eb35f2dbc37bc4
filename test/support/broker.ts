import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NatsConnection } from "@nats-io/transport-node";
import { findBroker } from "../../src/embedded/binary.ts";
import { orphanGuard } from "../../src/embedded/orphan.ts";
import { startBroker } from "../../src/embedded/server.ts";
import { connectBroker, type BrokerAccess } from "../../src/shared/broker.ts";
import { silentLogger } from "../../src/shared/logger.ts";
import type { BrokerRole } from "../../src/shared/permissions.ts";
import {
  ADMIN_INBOX,
  gatewayInbox,
  OPERATOR_INBOX,
  PRUNE_INBOX,
  RELAY_INBOX,
} from "../../src/shared/subjects.ts";

/** A real nats-server with the product's own configuration, on a port and in a folder of its own. */
export type TestBroker = {
  url: string;
  configFile: string;
  /** Everything of it; removed at the end. */
  dataDir: string;
  access(role: BrokerRole, gateway?: string): BrokerAccess;
  /** A connection of one of our users, with the inbox that its permissions allow. Closed with the broker. */
  connect(role: BrokerRole, gateway?: string): Promise<NatsConnection>;
  pid(): number;
  /** As a crash: returns when the process is gone. */
  kill9(): Promise<void>;
  /** Same port, same store; also after {@link kill9}. */
  restart(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

export type TestBrokerOptions = {
  /** False: no fsync per write, as in replicated deployments. Default: as the product. */
  sync?: boolean;
  /** Default: `gw1` and `gw2`. */
  gateways?: string[];
};

/** Starts a broker for one test: `await using broker = await startTestBroker()`. */
export async function startTestBroker(options: TestBrokerOptions = {}): Promise<TestBroker> {
  const dataDir = await mkdtemp(join(tmpdir(), "rr-broker-"));
  const broker = await startBroker({
    binary: await natsServerPath(),
    dataDir,
    gateways: options.gateways ?? ["gw1", "gw2"],
    log: silentLogger(),
    guard: orphanGuard(process.platform, process.env["PATH"]),
    syncAlways: options.sync ?? true,
  });
  const connections: NatsConnection[] = [];
  return {
    url: broker.url,
    configFile: broker.configFile,
    dataDir,
    access: broker.access,
    async connect(role, gateway = "gw1") {
      const connection = await connectBroker(broker.access(role, role === "gateway" ? gateway : undefined), {
        name: `test ${role}`,
        inboxPrefix: inboxOf(role, gateway),
      });
      connections.push(connection);
      return connection;
    },
    pid: broker.pid,
    async kill9() {
      process.kill(broker.pid(), "SIGKILL");
      await broker.exited;
    },
    restart: broker.restart,
    async [Symbol.asyncDispose]() {
      await Promise.allSettled(connections.map((connection) => connection.close()));
      await broker.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** Inbox prefix that a user may subscribe to. */
export function inboxOf(role: BrokerRole, gateway = "gw1"): string {
  switch (role) {
    case "gateway":
      return gatewayInbox(gateway);
    case "relay":
      return RELAY_INBOX;
    case "operator":
      return OPERATOR_INBOX;
    case "admin":
      return ADMIN_INBOX;
    case "prune":
      return PRUNE_INBOX;
  }
}

/** The nats-server that global-setup.ts found, or one found now (outside vitest). */
export async function natsServerPath(): Promise<string> {
  const found = await findBroker({ env: brokerEnv(), log: silentLogger() });
  return found.path;
}

function brokerEnv(): { natsServerBin?: string; path?: string; home?: string; cache?: string } {
  const { NATS_SERVER_BIN, PATH, HOME, XDG_CACHE_HOME } = process.env;
  return {
    ...(NATS_SERVER_BIN === undefined ? {} : { natsServerBin: NATS_SERVER_BIN }),
    ...(PATH === undefined ? {} : { path: PATH }),
    ...(HOME === undefined ? {} : { home: HOME }),
    ...(XDG_CACHE_HOME === undefined ? {} : { cache: XDG_CACHE_HOME }),
  };
}
