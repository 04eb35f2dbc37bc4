import type { JetStreamManager } from "@nats-io/jetstream";
import type { Clock } from "../../shared/base/clock.ts";
import type { Cursor } from "../../shared/session-log/follow/cursor.ts";
import type { Hub } from "../../shared/session-log/follow/hub.ts";
import { createLeader } from "../../shared/session-log/follow/leader.ts";
import type { Pages } from "../../shared/session-log/follow/pages.ts";
import { watch, type Watched, type WatchDeps } from "../../shared/session-log/follow/watch.ts";
import type { Closing } from "./closing.ts";
import type { Outlet } from "./outlet.ts";
import type { Start } from "./start.ts";

/** How long a page, or what the hub has, is kept for a client that does not take it. After that its cursor is all that is kept. */
const PATIENCE_MS = 200;
/** After this time without taking anything a client is cut off. It comes back at its cursor. */
export const STUCK_MS = 60_000;

/** What a process has for its watchers. */
export type FollowDeps = { hub: Hub; pages: Pages; jsm: JetStreamManager; clock: Clock };

/** What a client gets. */
export type Sent = Exclude<Watched, { kind: "closed" }>;

export type FollowOptions = {
  /** Its name in subjects. */
  session: string;
  start: Start;
  /** Sends an item; false as {@link Outlet.send}. */
  send: (item: Sent) => boolean;
  outlet: Pick<Outlet, "drained">;
  signal: AbortSignal;
  /** The newest event that was sent. */
  sent?: (seq: number) => void;
};

/**
 * Sends a session's events from `start` on. A client that is slower than they come goes back to the
 * log at its cursor, so that it costs what waits in its outlet and delays nobody. Returns why it
 * ended; "gone" means the signal.
 */
export async function follow(of: FollowDeps, options: FollowOptions): Promise<Closing> {
  const { signal, outlet } = options;
  // its own, so that nothing waits for the broker on behalf of a client that left
  const deps = { ...of, leader: createLeader({ ...of, signal }) };
  try {
    let cursor = await cursorOf(deps, options.start);
    for (;;) {
      const visited = await visit(deps, options, cursor);
      if (visited.why !== "slow") return visited.why;
      ({ cursor } = visited);
      if (!(await outlet.drained(STUCK_MS, signal))) return signal.aborted ? "gone" : "stuck";
    }
  } catch (error) {
    if (signal.aborted) return "gone";
    throw error;
  }
}

async function cursorOf({ leader }: WatchDeps, start: Start): Promise<Cursor> {
  if (start !== "latest") return start;
  const { last, log } = await leader.end();
  return { seq: last, log };
}

/** Until the session ends, or the client is too slow. */
async function visit(
  deps: WatchDeps,
  { session, send, outlet, signal, sent }: FollowOptions,
  after: Cursor,
): Promise<{ why: Closing | "slow"; cursor: Cursor }> {
  let cursor = after;
  for await (const item of watch(deps, { session, after, signal })) {
    if (item.kind === "closed") return { why: item.reason, cursor };
    cursor = cursorAfter(cursor, item);
    const more = send(item);
    sent?.(cursor.seq);
    if (!more && !(await outlet.drained(PATIENCE_MS, signal)))
      return { why: signal.aborted ? "gone" : "slow", cursor };
  }
  return { why: "gone", cursor };
}

/** The cursor of a client that got this item. Pure. */
function cursorAfter(cursor: Cursor, item: Sent): Cursor {
  const { log } = item;
  if (item.kind === "event") return { seq: item.event.seq, log };
  return { seq: item.kind === "reset" ? 0 : cursor.seq, log };
}
