import type { NatsConnection } from "@nats-io/transport-node";
import type { Clock } from "../shared/base/clock.ts";
import type { Logger } from "../shared/base/logger.ts";
import type { Durability } from "../shared/log/durability/durability.ts";
import { readSync, type SyncSources } from "../shared/log/durability/read-durability.ts";

/** Time between two questions. A server that is started again takes seconds. */
const AGAIN_MS = 30_000;

export type DurabilityWatch = {
  /** As of the last check. */
  current: () => Durability;
  check(): Promise<Durability>;
  stop(): void;
};

/**
 * Checks whether the broker syncs every write (HONEST-1), by its configuration file or the monitoring pages of its servers. The check is repeated after every
 * reconnect, because a restarted broker may have a new configuration; and every 30 s where pages are asked, because the servers that this process is not
 * connected to restart unnoticed, or where a file cannot be read. A file that can be read says nothing new by itself: it counts from the next restart on.
 */
export function createDurabilityWatch(deps: {
  connection: Pick<NatsConnection, "status">;
  clock: Clock;
  logger: Logger;
  sources: SyncSources;
  read?: typeof readSync;
}): DurabilityWatch {
  const { connection, clock, logger, sources, read = readSync } = deps;
  let current: Durability = "unverified";
  let cancel = (): void => undefined;
  const canTell = sources.configFile !== undefined || sources.monitor !== undefined;

  async function check(): Promise<Durability> {
    cancel();
    const sync = await read(sources);
    current = sync.kind === "always" ? "fsync" : "unverified";
    const isRead = sync.kind !== "unknown" && sources.configFile !== undefined;
    if (isRead || !canTell) return current;
    if (sync.kind === "unknown")
      logger.warn({ detail: sync.why }, "durability of the broker cannot be checked");
    cancel();
    cancel = clock.after(AGAIN_MS, () => void check());
    return current;
  }

  async function watch(): Promise<void> {
    for await (const event of connection.status()) if (event.type === "reconnect") await check();
  }
  void watch();

  return { current: () => current, check, stop: () => cancel() };
}
