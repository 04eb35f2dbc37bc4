import { join } from "node:path";
import { JetStreamApiError, JetStreamError } from "@nats-io/jetstream";
import {
  ClosedConnectionError,
  NoRespondersError,
  PermissionViolationError,
  RequestError,
  TimeoutError,
  type NatsConnection,
} from "@nats-io/transport-node";
import { learnReach, ownCommand, reachOf } from "../shared/base/own-command.ts";
import { connectBroker, type BrokerAccess } from "../shared/log/broker.ts";
import { ALL_SETTINGS, BROKER_SETTINGS, COMMON_SETTINGS, brokerAccess } from "../shared/settings/index.ts";
import { codedError, errorText, isCoded } from "../shared/base/errors.ts";
import { loadSettings, type Environment, type Values } from "../shared/base/config/load.ts";
import type { BrokerRole } from "../shared/messages/permissions.ts";
import {
  ADMIN_INBOX,
  OPERATOR_INBOX,
  PRUNE_INBOX,
  SERVE_INBOX,
  SESSION_PRUNE_INBOX,
  TOKENS_INBOX,
} from "../shared/log/schema/subjects.ts";
import type { Flags } from "./flags.ts";
import { dataFolder } from "./folders.ts";
import { readKept } from "../embedded/kept.ts";
import { readRunning } from "./up/kept.ts";

/** The settings of every command that talks to the broker. */
export const CLIENT_TABLE = { ...COMMON_SETTINGS, ...BROKER_SETTINGS } as const;

type Role = Extract<BrokerRole, "operator" | "admin" | "prune" | "serve" | "session-prune" | "tokens">;
const INBOX: Record<Role, string> = {
  operator: OPERATOR_INBOX,
  admin: ADMIN_INBOX,
  prune: PRUNE_INBOX,
  serve: SERVE_INBOX,
  "session-prune": SESSION_PRUNE_INBOX,
  tokens: TOKENS_INBOX,
};

/**
 * Runs a command with a connection to the broker that was named, or else to the one that `up` runs on this machine, with the login from
 * its data folder. Rejects with {@link brokerError} of what the command throws.
 */
export async function withBroker<T>(
  options: { role: Role; env: Environment; flags: Flags },
  run: (nc: NatsConnection, sources: SyncSources) => Promise<T>,
): Promise<T> {
  const { access, sources, dataDir, found } = brokerOf(options);
  const nc = await connectBroker(access, {
    name: `runner-relay ${options.role}`,
    inboxPrefix: INBOX[options.role],
  }).catch((error: unknown) => {
    throw found ? error : nothingFound(error, dataDir);
  });
  try {
    return await run(nc, sources);
  } catch (error) {
    throw brokerError(error);
  } finally {
    await nc.close();
  }
}

/** No broker was named and `up` does not run here, so the address is only a guess. The error mentions this. */
function nothingFound(error: unknown, dataDir: string): unknown {
  if (!isCoded(error, "log_unreachable")) return error;
  const where = `\`runner-relay up\` is not running with data folder ${dataDir} (--data), and NATS_URL is not set`;
  return codedError("log_unreachable", `${where}; ${error.message}`, { cause: error });
}

const NO_STREAM = 10059;
const NO_CONSUMER = 10014;
const NO_RESPONDERS = 503;

/** Translates an error of the client or the broker in the middle of a command into a coded one if the user can act on it. Others are returned as they are. */
export function brokerError(error: unknown): unknown {
  if (error instanceof JetStreamApiError) {
    if (error.code === NO_STREAM)
      return codedError(
        "stream_missing",
        `the log does not exist on this broker; run \`${ownCommand("provision")}\``,
        {
          cause: error,
        },
      );
    if (error.code === NO_CONSUMER)
      return codedError(
        "consumer_missing",
        `the log has no runner-relay consumers; run \`${ownCommand("provision")}\``,
        {
          cause: error,
        },
      );
    return error;
  }
  if (isNotEnabled(error))
    return codedError(
      "log_unreachable",
      "nothing answers for JetStream: the log lies on a host that is cut off from its hub, or JetStream is not enabled for this account",
      { cause: error },
    );
  const unanswered = error instanceof JetStreamError && "code" in error && error.code === NO_RESPONDERS; // of direct gets
  const reasons = [error, error instanceof RequestError ? error.cause : undefined];
  const is = (of: abstract new (...args: never[]) => Error): boolean =>
    reasons.some((reason) => reason instanceof of);
  if (is(PermissionViolationError)) {
    const text = `this login lacks the permission for that; use another one with NATS_USER: ${errorText(error)}`;
    return codedError("broker_refused", text, { cause: error });
  }
  if (unanswered || is(NoRespondersError))
    return codedError("stream_missing", `nothing answers for the log; run \`${ownCommand("provision")}\``, {
      cause: error,
    });
  if (is(TimeoutError) || is(ClosedConnectionError))
    return codedError("log_unreachable", `the broker does not answer: ${errorText(error)}`, { cause: error });
  return error;
}

/** The client exports no class for it. */
function isNotEnabled(error: unknown): error is Error {
  return error instanceof Error && error.name === "JetStreamNotEnabled";
}

/** How a command reaches the broker. `own`: `up` runs it with a data folder of this machine. `found`: that is so, or a broker was named. */
export function brokerOf(options: { role: Role; env: Environment; flags: Flags }): {
  access: BrokerAccess;
  sources: SyncSources;
  dataDir: string;
  own: boolean;
  found: boolean;
} {
  const { values } = loadSettings(CLIENT_TABLE, {
    env: options.env,
    flags: options.flags,
    known: ALL_SETTINGS,
  });
  const dataDir = dataFolder(values.data, options.env);
  learnReach(values.natsUrl === undefined ? reachOf(dataDir, options.env) : namedIn(options.flags));
  const own = values.natsUrl === undefined ? ownAccess(dataDir, options.role) : undefined;
  return {
    access: own ?? brokerAccess(values),
    sources: sourcesOf(values, own === undefined ? undefined : dataDir),
    dataDir,
    own: own !== undefined,
    found: own !== undefined || values.natsUrl !== undefined,
  };
}

/** The broker, for other commands, as the command line names it. A login in it is not repeated; a variable holds for other commands as well. */
function namedIn({ nats }: Flags): readonly string[] {
  return typeof nats === "string" && !nats.includes("@") ? ["--nats", nats] : [];
}

/** The login that the embedded broker keeps for a role. Undefined if no broker runs there. */
export function ownAccess(dataDir: string, role: BrokerRole): BrokerAccess | undefined {
  const running = readRunning(dataDir);
  if (running === undefined) return undefined;
  const password = readKept(dataDir).passwords[role];
  return password === undefined
    ? { servers: [running.nats] }
    : { servers: [running.nats], user: role, password };
}

/** Where the broker's sync setting can be read. */
export type SyncSources = { configFile?: string; monitor?: string };

function sourcesOf(values: Values<typeof CLIENT_TABLE>, ownDataDir: string | undefined): SyncSources {
  const configFile = values.brokerConfig ?? (ownDataDir && join(ownDataDir, "broker", "nats-server.conf"));
  return {
    ...(configFile === undefined ? {} : { configFile }),
    ...(values.brokerMonitor === undefined ? {} : { monitor: values.brokerMonitor }),
  };
}
