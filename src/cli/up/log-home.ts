import { statfs } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { isStagingFailure } from "../../embedded/staging-place.ts";
import type { Broker } from "../../embedded/server.ts";
import type { StoreLoss, StoreWatch } from "../../embedded/store-watch.ts";
import type { BrokerAccess } from "../../shared/log/broker.ts";
import type { Clock } from "../../shared/base/clock.ts";
import type { Logger } from "../../shared/base/logger.ts";
import type { BrokerRole } from "../../shared/messages/permissions.ts";
import { createAlarm } from "./alarm.ts";
import { restartDelay } from "./child.ts";
import type { OwnStore } from "./store-guard.ts";

/** The broker as `up` needs it: its own, or the user's. */
export type LogHome = {
  url: string;
  /** Configuration file that says whether the broker syncs, if the broker is ours. */
  configFile?: string;
  /** Free disk of its store in bytes, if the broker is ours. */
  freeBytes?: number;
  /** Its store, if the broker is ours. */
  store?: OwnStore;
  access(role: BrokerRole): BrokerAccess;
  stop(): Promise<void>;
};

/** The user's own broker. All processes use the access that was given. */
export function foreignHome(access: BrokerAccess): LogHome {
  return {
    url: access.servers.join(","),
    access: () => access,
    stop: async () => undefined,
  };
}

/** How much room there must be before a broker that found the disk full is started again. */
const ROOM_BYTES = 64 * 1024 * 1024;
const DISK_POLL_MS = 2000;

/** Wraps a logger, to notice the server's line about a failed write. */
export function watchWrites(log: Logger, onFailure: () => void): Logger {
  return Object.create(log, {
    error: {
      value: (fields: { line?: string }, message: string): void => {
        if (fields.line !== undefined && isWriteFailure(fields.line)) onFailure();
        log.error(fields, message);
      },
    },
  }) as Logger;
}

/**
 * Is this the server's line about a write that failed? After ENOSPC a stream takes no writes even when there is room again, and only a message that should be
 * stored shows it: `STREAM.INFO` answers, a refused expectation is answered, and other streams may continue (nats-server 2.15.2). The line shows it too.
 * A batch that could not be staged does no harm to the stream: its events are stored one by one, and if the disk is full, that shows it.
 */
export function isWriteFailure(line: string): boolean {
  if (isStagingFailure(line)) return false;
  return /critical write error|no space left on device|read-only file system|disk quota exceeded|input\/output error/i.test(
    line,
  );
}

/** Keeps the embedded broker running: again after a crash, and again when there is room after a full disk. */
// oxlint-disable-next-line max-lines-per-function -- the loop that keeps the broker running stands beside what ends it
export function keepBroker(options: {
  broker: Broker;
  gateway: string;
  storeFolder: string;
  freeBytes: number;
  clock: Clock;
  log: Logger;
  watch: StoreWatch;
  /** Has ended a restart under way, and the next ones. */
  signal: AbortSignal;
  /** Settles when the server logs that a write failed. It is called anew after each restart. */
  writeFailure: () => Promise<void>;
}): LogHome {
  const { broker, clock, log } = options;
  const stopping = new AbortController();
  const stopped = new Promise<"stop">((done) => {
    stopping.signal.addEventListener("abort", () => done("stop"), { once: true });
  });

  const lost = Promise.withResolvers<StoreLoss>();

  const alarm = createAlarm(log, clock, "broker does not start");

  /** Tries until the broker runs. False if it must not: a stop came, or its store is gone, and it would make a new, empty one. */
  const startAgain = async (failures: number): Promise<boolean> => {
    for (let tries = failures; !stopping.signal.aborted && !options.signal.aborted; tries++) {
      const loss = options.watch.look();
      if (loss !== undefined) {
        lost.resolve(loss);
        return false;
      }
      try {
        await broker.restart();
        alarm.end();
        log.info({ pid: broker.pid() }, "broker runs again");
        return true;
      } catch (error) {
        if (options.signal.aborted) return false;
        alarm.raise(error);
        await delay(restartDelay(tries), undefined, { signal: stopping.signal }).catch(() => undefined);
      }
    }
    return false;
  };

  const keep = async (): Promise<void> => {
    for (let failures = 1; ;) {
      const startedAt = clock.now();
      const why = await Promise.race([
        broker.exited.then(() => "exit" as const),
        options.writeFailure().then(() => "disk" as const),
        stopped,
      ]);
      if (why === "stop") return;
      if (why === "disk") {
        log.error({}, "disk full, the broker is started again when there is room");
        await roomIn(options.storeFolder, stopping.signal);
      } else {
        failures = clock.now() - startedAt > 10_000 ? 1 : failures + 1;
        log.error({}, "broker ended, starting it again");
        await delay(restartDelay(failures), undefined, { signal: stopping.signal }).catch(() => undefined);
      }
      if (!(await startAgain(failures))) return;
    }
  };
  const kept = keep();

  return {
    url: broker.url,
    configFile: broker.configFile,
    freeBytes: options.freeBytes,
    store: {
      watch: options.watch,
      staging: broker.staging,
      lost: lost.promise,
      async end() {
        stopping.abort();
        await kept;
        try {
          process.kill(broker.pid(), "SIGKILL");
        } catch {
          // it ended by itself
        }
        await broker.exited;
      },
    },
    access: (role) => broker.access(role, role === "gateway" ? options.gateway : undefined),
    async stop() {
      stopping.abort();
      await kept; // a restart under way must not outlive the stop
      await broker.stop();
    },
  };
}

async function roomIn(folder: string, signal: AbortSignal): Promise<void> {
  // if the folder was removed to make room, nothing can be read here; the store is looked at next
  const room = (): Promise<number> => freeBytesOf(folder).catch(() => Infinity);
  while (!signal.aborted && (await room()) < ROOM_BYTES) {
    await delay(DISK_POLL_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** Free disk for us (not for root), bytes. */
export async function freeBytesOf(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
