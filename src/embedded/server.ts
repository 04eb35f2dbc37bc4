import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { replaceFile } from "../shared/base/atomic-file.ts";
import type { BrokerAccess } from "../shared/log/broker.ts";
import { systemClock, type Clock } from "../shared/base/clock.ts";
import type { Logger } from "../shared/base/logger.ts";
import type { BrokerRole, GatewayUser } from "../shared/messages/permissions.ts";
import { dropMisleadingIndexes } from "./blocks.ts";
import { brokerConfig, USERS_FILE, usersConfig } from "./config.ts";
import { dropUnreadableConsumers } from "./consumer-state.ts";
import { codedError, errorText, isCoded } from "../shared/base/errors.ts";
import { keptFile, readKept, type Kept } from "./kept.ts";
import { lockFolder } from "./lock.ts";
import type { OrphanGuard } from "./orphan.ts";
import { endLeftover, spawnServer, type Exit, type ServerProcess } from "./process.ts";
import { createStaging, type Staging } from "./staging.ts";
import { sealStreams } from "./stream-meta.ts";
import { brokerUsers, loginOf, passwordsOf, type BrokerUser } from "./users.ts";
import { makeOwnFolder } from "../shared/base/own-folder.ts";

// lock.ts locks the folder · kept.ts stores what the next start needs · stream-meta.ts restores missing checksums of streams · consumer-state.ts removes
// damaged consumers, blocks.ts an index that would mislead the server · users.ts lists the users · config.ts writes the configuration · process.ts runs one nats-server · orphan.ts ends it with us
// staging.ts puts batches into memory before they are in the log, and staging-place.ts decides whether
// One start is a fixed sequence of these steps: everything that could damage a store is checked before a server opens it. A restart after a crash repeats the
// last two: it looks through the store and starts a server.

export type StartOptions = {
  /** A nats-server that {@link findBroker} accepted. */
  binary: string;
  /** The folder for store, users and port. It is made with mode 0700 if it is missing. */
  dataDir: string;
  /** The gateways, each of which gets its own user. */
  gateways: readonly GatewayUser[];
  log: Logger;
  guard: OrphanGuard;
  clock?: Clock;
  /** Ends a start or a restart under way, which then throws `broker_failed`. A server that runs is not ended by it. */
  signal?: AbortSignal;
  /** True if the caller has locked the data folder. */
  locked?: true;
  /** Where batches are staged, if that is possible. Default: in memory. */
  staging?: "memory" | "disk";
  /** False only for measurements of a broker that does not sync. */
  syncAlways?: boolean;
};

/** A running embedded broker. */
export type Broker = {
  /** Stays the same over restarts. */
  readonly url: string;
  /** Configuration file, without secrets. Durability is judged by its `sync_interval` (HONEST-1). */
  readonly configFile: string;
  /** How one of our processes reaches it. Throws `usage` for a gateway that it was not started with. */
  access: (role: BrokerRole, gateway?: string) => BrokerAccess;
  /** Process id of the server that runs now. */
  pid: () => number;
  /** Settles when the server that runs now ends, for whatever reason; after a restart ask again. */
  readonly exited: Promise<Exit>;
  /** Where batches are staged. A caller that makes the log links it then, and looks at it every few seconds. */
  readonly staging: Pick<Staging, "link" | "look" | "where">;
  /** Ends the server if it runs and starts it again on the same port and store, if that is whole. Throws `store_damaged`, `data_unusable`, `broker_failed`. */
  restart: () => Promise<void>;
  /** Ends the server and frees the data folder. */
  stop: () => Promise<void>;
};

/**
 * Starts the embedded nats-server and waits until JetStream answers. Throws `data_locked`, `data_unusable`, `store_damaged`,
 * `broker_failed` (with the server's last words).
 */
export async function startBroker(options: StartOptions): Promise<Broker> {
  const { log, gateways } = options;
  const clock = options.clock ?? systemClock;
  const dataDir = resolve(options.dataDir);
  const home = join(dataDir, "broker");
  const release = options.locked ? (): void => undefined : lockFolder(dataDir);
  const staging = createStaging({ dataDir, asked: options.staging ?? "memory", log });
  try {
    const runDir = join(home, "run");
    makeFolder(runDir);
    const configFile = join(home, "nats-server.conf");
    await endLeftover(runDir, configFile, log);

    const kept = readKept(dataDir);
    const storeDir = join(home, "store");
    if (kept.port !== -1) tellMissingStore(storeDir, log);
    const users = writeUsers(home, gateways, kept);
    const admin = loginOf(users, "admin");

    const spawning = { ...options, clock, configFile, runDir, admin, failed: staging.failed };
    const start = async (port: number): Promise<ServerProcess> => {
      mendStore(storeDir, log);
      staging.prepare();
      const layout = { port, runDir, storeDir, syncAlways: options.syncAlways ?? true };
      writeSecret(configFile, brokerConfig(layout));
      const server = await spawnServer(spawning);
      await staging.link();
      return server;
    };

    let server = await start(kept.port).catch((error: unknown) => {
      yieldPort(kept.port, error, log);
      return start(-1);
    });
    const { port } = server;
    writeSecret(keptFile(dataDir), JSON.stringify({ port, passwords: passwordsOf(users) } satisfies Kept));
    const url = `nats://127.0.0.1:${port}`;

    return {
      url,
      configFile,
      staging,
      access: (role, gateway) => ({ servers: [url], ...loginOf(users, role, gateway) }),
      pid: () => server.pid,
      get exited() {
        return server.exited;
      },
      async restart() {
        await server.stop();
        server = await start(port);
      },
      async stop() {
        await server.stop();
        staging.remove();
        release();
      },
    };
  } catch (error) {
    staging.remove();
    release();
    throw error;
  }
}

function writeUsers(home: string, gateways: readonly GatewayUser[], kept: Kept): BrokerUser[] {
  const users = brokerUsers(gateways, kept.passwords);
  writeSecret(join(home, USERS_FILE), usersConfig(users));
  return users;
}

function tellMissingStore(storeDir: string, log: Logger): void {
  if (existsSync(join(storeDir, "jetstream"))) return;
  log.error(
    { store: storeDir, code: "store_lost" },
    "the broker's store is missing; creating a new one, and its previous contents are lost",
  );
}

/** Looks through the store before each start of a server: a crash may have come while a stream was made, and files may have been damaged since. */
function mendStore(storeDir: string, log: Logger): void {
  try {
    sealStreams(storeDir, log);
    dropUnreadableConsumers(storeDir, log);
    dropMisleadingIndexes(storeDir, log);
  } catch (cause) {
    if (isCoded(cause)) throw cause;
    throw codedError("data_unusable", `${storeDir}: ${errorText(cause)}`, { cause });
  }
}

/** No process holds the old address at a new start, so another free port is as good. Throws every other error again. */
function yieldPort(port: number, error: unknown, log: Logger): void {
  if (port === -1 || !isPortTaken(error)) throw error;
  log.warn({ port }, "the broker's port is taken, choosing another one");
}

function isPortTaken(error: unknown): boolean {
  return error instanceof Error && /address already in use|bind:/i.test(error.message);
}

function makeFolder(folder: string): void {
  try {
    makeOwnFolder(folder);
  } catch (cause) {
    throw codedError("data_unusable", `${folder} cannot be made: ${errorText(cause)}`, { cause });
  }
}

/** Writes a secret by replacing the file: if a FIFO were in its place, writing into it would never return. */
function writeSecret(file: string, text: string): void {
  try {
    replaceFile(file, text);
  } catch (cause) {
    throw codedError("data_unusable", `${file} cannot be written: ${errorText(cause)}`, { cause });
  }
}
