import { setTimeout as delay } from "node:timers/promises";
import { JetStreamApiError } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { runPrune } from "../../shared/log/prune.ts";
import { connectBroker, type BrokerAccess } from "../../shared/log/broker.ts";
import type { Clock } from "../../shared/base/clock.ts";
import { errorText } from "../../shared/base/errors.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { PRUNE_INBOX, SESSION_PRUNE_INBOX } from "../../shared/log/schema/subjects.ts";
import { keepSessions } from "../../shared/session-log/retention/chore.ts";
import type { RetentionLimits } from "../../shared/session-log/retention/due.ts";

/** How long a stop waits for what is under way: it may hang at a broker that does not answer, and the next start does it anyway. */
const LEAVE_MS = 1000;
const EVERY_MS = 10 * 60 * 1000; // often enough, because a retention is days long

type Chore = { access: BrokerAccess; clock: Clock; log: Logger };

/** Prunes the log of events now and every ten minutes; returns a function that ends it. A failure is logged, and pruning is tried again the next time. */
export function keepPruning(options: Chore & { retentionMs: number }): () => Promise<void> {
  const { log } = options;
  return keepDoing(options, { name: "prune", inboxPrefix: PRUNE_INBOX }, async (nc) => {
    const { removed, below } = await runPrune(nc, options);
    if (removed > 0) log.info({ removed, below }, "pruned");
  });
}

/** Keeps the log of sessions within `limits`, and removes what was deleted, if there is such a log. The same about ends and failures. */
export function keepSweeping(options: Chore & { limits: RetentionLimits }): () => Promise<void> {
  const user = { name: "session-prune", inboxPrefix: SESSION_PRUNE_INBOX };
  return keepDoing(options, user, async (nc, signal) => {
    try {
      await keepSessions({ ...options, nc, signal, inboxPrefix: SESSION_PRUNE_INBOX });
    } catch (error) {
      if (!(error instanceof JetStreamApiError && error.status === 404)) throw error; // `sessions_unavailable` was said
    }
  });
}

/** Does something with a connection of its own, again and again. A stop closes that. */
function keepDoing(
  { access, log }: Chore,
  user: { name: string; inboxPrefix: string },
  work: (nc: NatsConnection, signal: AbortSignal) => Promise<void>,
): () => Promise<void> {
  const stopping = new AbortController();
  const { signal } = stopping;
  const once = async (): Promise<void> => {
    const nc = await connectBroker(access, user);
    const stop = (): void => void nc.close();
    signal.addEventListener("abort", stop, { once: true });
    try {
      await work(nc, signal);
    } finally {
      signal.removeEventListener("abort", stop);
      await nc.close();
    }
  };
  const loop = async (): Promise<void> => {
    while (!signal.aborted) {
      await once().catch((error: unknown) => {
        if (!signal.aborted) log.warn({ error: errorText(error) }, `${user.name} failed`);
      });
      await delay(EVERY_MS, undefined, { signal, ref: false }).catch(() => undefined);
    }
  };
  const looping = loop();
  return async () => {
    stopping.abort();
    await Promise.race([looping, delay(LEAVE_MS, undefined, { ref: false })]);
  };
}
