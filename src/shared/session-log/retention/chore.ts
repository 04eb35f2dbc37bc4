import { jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../base/clock.ts";
import { rest } from "../../base/rest.ts";
import type { Logger } from "../../base/logger.ts";
import { followDeletions } from "../follow/deletions.ts";
import { createLeader } from "../follow/leader.ts";
import { createPages } from "../follow/pages.ts";
import { SESSION_STATE } from "../follow/stored-event.ts";
import type { RetentionLimits } from "./due.ts";
import { erase } from "./erase.ts";
import { createSweep } from "./sweep.ts";

/** How often all sessions are looked through: their limits are days and megabytes. */
const ROUND_MS: number = 10 * 60 * 1000;
/** How often deletions are looked for. */
const LOOK_MS = 2000;
/** A deleted session is erased once more after this time: what was on its way has arrived by then. The rounds do it later. */
const AGAIN_MS = 10_000;

/**
 * Keeps the log of sessions within its limits, and removes what was deleted, until `signal`. `nc` and `inboxPrefix` are the session-prune user's. Rejects with what
 * keeps it from that, such as a log that is not there.
 */
export async function keepSessions(options: {
  nc: NatsConnection;
  inboxPrefix: string;
  limits: RetentionLimits;
  clock: Clock;
  log: Logger;
  signal: AbortSignal;
}): Promise<void> {
  const { nc, clock, log, signal } = options;
  const jsm = await jetstreamManager(nc, { checkAPI: false, timeout: 10_000 });
  const leader = createLeader({ jsm, clock, signal });
  const pages = createPages(options);
  const keys = createPages({ ...options, store: SESSION_STATE });
  using _ = { [Symbol.dispose]: () => [pages, keys].forEach((it) => it.close()) };
  const sweep = createSweep({ ...options, jsm, leader, pages, keys });
  const again: { session: string; at: number }[] = [];
  const deletions = await followDeletions(leader, (session) => {
    for (const after of [0, AGAIN_MS]) again.push({ session, at: clock.now() + after });
  });
  for (let next = clock.now(); !signal.aborted;) {
    if (clock.now() >= next) {
      const swept = await sweep.round();
      if (swept.events > 0)
        log.info(swept, "removed events of sessions that were older or more than is kept");
      next = clock.now() + ROUND_MS;
    }
    await deletions.look();
    for (const { session, at } of again.splice(0)) {
      if (at > clock.now()) again.push({ session, at });
      else await erase({ nc, jsm, leader, clock }, session);
    }
    await rest(clock, LOOK_MS, signal);
  }
}
