import type { NatsConnection } from "@nats-io/transport-node";
import { readSyncAlwaysOfMonitor, type Durability } from "../shared/log/durability/durability.ts";
import { readSyncAlways } from "../shared/log/durability/sync-always.ts";
import { errorText } from "../shared/base/errors.ts";
import type { Logger } from "../shared/base/logger.ts";

/** Time limit for the broker's monitoring page, which normally answers in milliseconds. A start must not hang on it. */
const MONITOR_TIMEOUT_MS = 2000;

export type DurabilityWatch = {
  /** As of the last check. */
  current: () => Durability;
  check(): Promise<Durability>;
};

/**
 * Checks whether the broker syncs every write (HONEST-1), by its configuration file or its monitoring page. The check is repeated after every
 * reconnect, because a restarted broker may have a new configuration.
 */
export function createDurabilityWatch(deps: {
  connection: NatsConnection;
  logger: Logger;
  readConfig: (() => Promise<string>) | undefined;
  /** Monitoring URL, without a slash at its end. */
  monitor: string | undefined;
}): DurabilityWatch {
  const { connection, logger, readConfig, monitor } = deps;
  let current: Durability = "unverified";

  async function check(): Promise<Durability> {
    current = (await syncsAlways()) ? "fsync" : "unverified";
    return current;
  }

  async function syncsAlways(): Promise<boolean> {
    try {
      if (readConfig !== undefined) return readSyncAlways(await readConfig());
      if (monitor === undefined) return false;
      const response = await fetch(`${monitor}/jsz?config=1`, {
        signal: AbortSignal.timeout(MONITOR_TIMEOUT_MS),
      });
      return response.ok && readSyncAlwaysOfMonitor(await response.json());
    } catch (error) {
      logger.warn({ detail: errorText(error) }, "durability of the broker cannot be checked");
      return false;
    }
  }

  async function watch(): Promise<void> {
    for await (const event of connection.status()) if (event.type === "reconnect") await check();
  }
  void watch();

  return { current: () => current, check };
}
