import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { NatsConnection } from "@nats-io/transport-node";
import { connectBroker, type BrokerAccess } from "../shared/broker.ts";
import { ALL_SETTINGS, brokerAccess } from "../shared/config/index.ts";
import { loadSettings, type Environment, type Values } from "../shared/config/load.ts";
import { BROKER_SETTINGS, COMMON_SETTINGS } from "../shared/config/settings.ts";
import type { BrokerRole } from "../shared/permissions.ts";
import { ADMIN_INBOX, OPERATOR_INBOX, PRUNE_INBOX } from "../shared/subjects.ts";
import type { Flags } from "./flags.ts";
import { dataFolder } from "./folders.ts";
import { readRunning } from "./up/kept.ts";

/** Settings of every command that talks to the broker. */
export const CLIENT_TABLE = { ...COMMON_SETTINGS, ...BROKER_SETTINGS } as const;

type Role = Extract<BrokerRole, "operator" | "admin" | "prune">;
const INBOX: Record<Role, string> = { operator: OPERATOR_INBOX, admin: ADMIN_INBOX, prune: PRUNE_INBOX };

/**
 * Runs a command with a connection to the broker: the one that is named, else the one that `up` runs on this machine, with the login
 * that lies in its data folder.
 */
export async function withBroker<T>(
  options: { role: Role; env: Environment; flags: Flags },
  run: (nc: NatsConnection, sources: SyncSources) => Promise<T>,
): Promise<T> {
  const { values } = loadSettings(CLIENT_TABLE, {
    env: options.env,
    flags: options.flags,
    known: ALL_SETTINGS,
  });
  const dataDir = dataFolder(values.data, options.env);
  const own = values.natsUrl === undefined ? ownAccess(dataDir, options.role) : undefined;
  const nc = await connectBroker(own ?? brokerAccess(values), {
    name: `runner-relay ${options.role}`,
    inboxPrefix: INBOX[options.role],
  });
  try {
    return await run(nc, sourcesOf(values, own === undefined ? undefined : dataDir));
  } finally {
    await nc.close();
  }
}

/** Login that the embedded broker keeps for a role; undefined if none runs there. */
function ownAccess(dataDir: string, role: Role): BrokerAccess | undefined {
  const running = readRunning(dataDir);
  if (running === undefined) return undefined;
  try {
    const { passwords } = JSON.parse(readFileSync(join(dataDir, "broker", "kept.json"), "utf8")) as {
      passwords: Record<string, string>;
    };
    const password = passwords[role];
    return password === undefined ? undefined : { servers: [running.nats], user: role, password };
  } catch {
    return { servers: [running.nats] };
  }
}

/** Where it may be read whether the broker syncs every write. */
export type SyncSources = { configFile?: string; monitor?: string };

function sourcesOf(values: Values<typeof CLIENT_TABLE>, ownDataDir: string | undefined): SyncSources {
  const configFile = values.brokerConfig ?? (ownDataDir && join(ownDataDir, "broker", "nats-server.conf"));
  return {
    ...(configFile === undefined ? {} : { configFile }),
    ...(values.brokerMonitor === undefined ? {} : { monitor: values.brokerMonitor }),
  };
}
