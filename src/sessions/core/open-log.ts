import { jetstreamManager, JetStreamApiError } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../shared/base/clock.ts";
import { codedError, errorText } from "../../shared/base/errors.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { SERVE_INBOX } from "../../shared/log/schema/subjects.ts";
import { openHub, type Hub } from "../../shared/session-log/follow/hub.ts";
import { createLeader } from "../../shared/session-log/follow/leader.ts";
import { createPages } from "../../shared/session-log/follow/pages.ts";
import { SESSION_STATE } from "../../shared/session-log/follow/stored-event.ts";
import { createBoundedMap } from "../../shared/base/bounded-map.ts";
import { createArrivals } from "./arrivals.ts";
import type { CoreDeps } from "./deps.ts";
import { createTurnCounts } from "./turn-counts.ts";

/** The broker answers that there is no such stream. */
const NO_STREAM = 10059;
/** Sessions that are found by one question instead of four, at 1 KiB each. */
const KNOWN_SESSIONS = 4096;
/** How long one answer of the broker is awaited. */
const ANSWER_MS = 2000;

/** What this process reads and writes the log of sessions with, until `signal`. Throws `sessions_unavailable` where there is none. */
export async function openLog(deps: {
  nc: NatsConnection;
  clock: Clock;
  log: Logger;
  signal: AbortSignal;
}): Promise<
  Pick<CoreDeps, "nc" | "jsm" | "hub" | "pages" | "keys" | "room" | "known" | "turnCounts" | "arrivals">
> {
  const { nc, clock } = deps;
  const jsm = await jetstreamManager(nc, { checkAPI: false, timeout: ANSWER_MS });
  const of = { nc, clock, inboxPrefix: SERVE_INBOX };
  const [pages, keys] = [createPages(of), createPages({ ...of, store: SESSION_STATE })];
  const leader = createLeader({ jsm, ...deps });
  const hub = await openHub({ ...deps, pages, leader }).catch(unavailable);
  const known: CoreDeps["known"] = createBoundedMap(KNOWN_SESSIONS);
  const turnCounts = createTurnCounts({ jsm, hub });
  return {
    nc,
    jsm,
    hub,
    pages,
    keys,
    room: () => hub.end().room,
    known,
    turnCounts,
    arrivals: createArrivals(hub),
  };
}

function unavailable(error: unknown): Hub {
  if (!(error instanceof JetStreamApiError && error.code === NO_STREAM)) throw error;
  const text = `the broker has no log of sessions: ${errorText(error)}`;
  throw codedError("sessions_unavailable", text, { cause: error });
}
