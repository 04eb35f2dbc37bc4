import { setTimeout as delay } from "node:timers/promises";
import { runPrune } from "../../shared/log/prune.ts";
import { connectBroker, type BrokerAccess } from "../../shared/log/broker.ts";
import type { Clock } from "../../shared/base/clock.ts";
import { errorText } from "../../shared/base/errors.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { PRUNE_INBOX } from "../../shared/log/schema/subjects.ts";

const EVERY_MS = 10 * 60 * 1000; // often enough, because a retention is days long

/** Prunes now and every ten minutes; returns a function that ends it. A failure is logged, and pruning is tried again the next time. */
export function keepPruning(options: {
  access: BrokerAccess;
  retentionMs: number;
  clock: Clock;
  log: Logger;
}): () => Promise<void> {
  const { access, log } = options;
  const stopping = new AbortController();
  const once = async (): Promise<void> => {
    const nc = await connectBroker(access, { name: "prune", inboxPrefix: PRUNE_INBOX });
    const stop = (): void => void nc.close(); // a stop does not wait for pruning, which the next start does anyway
    stopping.signal.addEventListener("abort", stop, { once: true });
    try {
      const { removed, below } = await runPrune(nc, options);
      if (removed > 0) log.info({ removed, below }, "pruned");
    } finally {
      stopping.signal.removeEventListener("abort", stop);
      await nc.close();
    }
  };
  const loop = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await once().catch((error: unknown) => {
        if (!stopping.signal.aborted) log.warn({ error: errorText(error) }, "prune failed");
      });
      await delay(EVERY_MS, undefined, { signal: stopping.signal, ref: false }).catch(() => undefined);
    }
  };
  const looping = loop();
  return async () => {
    stopping.abort();
    await looping;
  };
}
