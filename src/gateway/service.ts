import type { NatsConnection } from "@nats-io/transport-node";
import { BROKER_WAIT_MS, connectBroker, unreachableOr } from "../shared/log/broker.ts";
import { systemClock } from "../shared/base/clock.ts";
import { brokerAccess } from "../shared/settings/index.ts";
import type { Environment } from "../shared/base/config/load.ts";
import type { Durability } from "../shared/log/durability/durability.ts";
import { codedError, errorText } from "../shared/base/errors.ts";
import type { Logger, SecretRegistry } from "../shared/base/logger.ts";
import { gatewayInbox, runnerName } from "../shared/log/schema/subjects.ts";
import { startTracing } from "../shared/base/tracing.ts";
import { VERSION } from "../shared/base/version.ts";
import { createDurabilityWatch, type DurabilityWatch } from "./durability-watch.ts";
import { findShardCount } from "./find-shards.ts";
import type { Entrance } from "./entrance.ts";
import { createGateway, type GatewayOptions } from "./gateway.ts";
import { keptRuns, keptRunners, keptShield } from "./runner/index.ts";
import { keptKeySecret } from "./writes/key-secret.ts";
import type { KeptPort } from "./port.ts";
import type { GatewayValues } from "./table.ts";

/** A gateway with its connection to the broker. */
export type Service = { url: string; durability: Durability; close(): Promise<void> };

type ServiceDeps = {
  values: GatewayValues;
  env: Environment;
  /** The data folder. */
  data: string;
  drainMs: number;
  entrance: Entrance;
  keptPort: KeptPort;
  secrets: SecretRegistry;
  logger: Logger;
  linesDropped: () => number;
  /** Rejects when the broker refuses us permanently. */
  fatal: (error: Error) => void;
};

/** Builds the gateway behind an entrance and opens the entrance. Throws what `connectBroker` throws, and `not_durable`. */
export function startService(deps: ServiceDeps): Promise<Service> {
  return start(deps).catch((error: unknown) => {
    throw unreachableOr(error);
  });
}

async function start(deps: ServiceDeps): Promise<Service> {
  const { values, env, data, secrets, logger } = deps;
  const tracing = await startTracing({
    env,
    process: { service: "runner-relay-gateway", instance: values.gateway, version: VERSION },
    log: logger,
    secrets,
  });
  const connection = await connectBroker(brokerAccess(values), {
    name: `gateway ${values.gateway}`,
    inboxPrefix: gatewayInbox(values.gateway),
    waitMs: BROKER_WAIT_MS,
  });
  const durability = await checkedDurability(values, connection, logger);
  const keySecret = keptKeySecret(data, logger);
  secrets.add(keySecret);
  const shardCount = await findShardCount(connection, runnerName(values));
  const gateway = createGateway({
    shardCount,
    options: optionsOf(values, deps.drainMs),
    connection,
    keptPort: deps.keptPort,
    entrance: deps.entrance,
    keptRuns: keptRuns(data, values.gateway, logger),
    keptRunners: keptRunners(data, values.gateway, logger),
    keptShield: keptShield(data, values.gateway, logger),
    keySecret,
    durability: durability.current,
    version: VERSION,
    tracing,
    clock: systemClock,
    logger,
    linesDropped: deps.linesDropped,
  });
  await gateway.listen();
  const scope = new AsyncDisposableStack();
  scope.defer(() => connection.close());
  scope.defer(() => tracing?.close());
  scope.defer(() => durability.stop());
  scope.defer(() => gateway.close());
  let closing = false;
  void connection.closed().then((error) => {
    // The client reconnects for ever, unless the broker keeps refusing its credentials.
    if (!closing) deps.fatal(codedError("broker_refused", errorText(error ?? "connection closed")));
  });
  return {
    url: gateway.url(),
    durability: durability.current(),
    close() {
      closing = true;
      return scope.disposeAsync();
    },
  };
}

/** Throws `not_durable`, if durability is required and cannot be verified. */
async function checkedDurability(
  { brokerConfig, brokerMonitor, requireDurable }: GatewayValues,
  connection: NatsConnection,
  logger: Logger,
): Promise<DurabilityWatch> {
  const durability = createDurabilityWatch({
    connection,
    logger,
    clock: systemClock,
    sources: { configFile: brokerConfig, monitor: brokerMonitor },
  });
  if ((await durability.check()) !== "fsync" && requireDurable) {
    throw codedError(
      "not_durable",
      "cannot verify that the broker syncs every write (sync_interval: always)",
    );
  }
  return durability;
}

function optionsOf(values: GatewayValues, drainMs: number): GatewayOptions {
  return {
    port: values.port,
    listen: values.listen,
    socket: values.socket,
    inboundToken: values.inboundToken,
    gateway: values.gateway,
    runner: values.runner,
    hostname: values.hostname,
    profile: values.profile,
    answerWaitMs: values.answerWait,
    drainMs,
    maxBodyBytes: values.maxBody,
    sessionMaxEvents: values.sessionMaxEvents,
    sessionMaxBytes: values.sessionMaxBytes,
  };
}
