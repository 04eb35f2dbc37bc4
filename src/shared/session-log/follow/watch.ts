import type { Clock } from "../../base/clock.ts";
import { rest } from "../../base/rest.ts";
import { isHidden } from "../event/kinds.ts";
import { patiently } from "../patiently.ts";
import { wholeSession } from "../subjects.ts";
import { isForeign, type Cursor } from "./cursor.ts";
import { createFeed, type Feed, type FeedEnd } from "./feed.ts";
import type { Hub } from "./hub.ts";
import type { Leader, LogEnd } from "./leader.ts";
import { BEHIND_MS, notBehind } from "./not-behind.ts";
import type { Pages } from "./pages.ts";
import type { StoredEvent } from "./stored-event.ts";

/** `log` is the name of the log, for cursors. */
export type Watched =
  | { kind: "event"; event: StoredEvent; log: string }
  /** Events of the session from `from` to `to` may be missing: retention removed them. */
  | { kind: "gap"; from: number; to: number; log: string }
  /** The cursor belongs to another log, or to one that lost its end: everything that there is comes from the start. */
  | { kind: "reset"; log: string }
  /** Everything up to here was handed out; what follows was stored after that. */
  | { kind: "caught_up"; last: number; log: string }
  /** Nothing follows, and nobody needs to come back. */
  | { kind: "closed"; reason: "deleted" };

/** Bytes that wait for a watcher that does not read, before it goes back to the log. */
const FEED_BYTES: number = 64 * 1024;

export type WatchDeps = { hub: Hub; pages: Pages; leader: Leader; clock: Clock };
/** `hidden`: also what no client sees. The owner needs it, for its own newest event may be such a one. */
type WatchOptions = { session: string; after: Cursor; signal: AbortSignal; hidden?: boolean };

/** What a watcher has. `told`: the floor that it knows of. `log` is undefined as long as it does not know. */
type Place = { last: number; told: number; log: string | undefined };

/**
 * Every event of a session above the cursor `after`, once and in order (WATCH-1), until `signal` or the session's deletion. A consumer that is slow costs
 * {@link FEED_BYTES} and a page: it then reads from the log. Rejects with the signal's reason if that comes while the broker is asked.
 */
export async function* watch(deps: WatchDeps, options: WatchOptions): AsyncGenerator<Watched, void> {
  const { session, after, signal } = options;
  const place: Place = { last: after.seq, told: 0, log: after.log };
  let feed = createFeed(FEED_BYTES);
  const stop = (): void => feed.end("stopped");
  signal.addEventListener("abort", stop);
  using _ = { [Symbol.dispose]: () => signal.removeEventListener("abort", stop) };
  for (; !signal.aborted; feed = createFeed(FEED_BYTES)) {
    const leave = deps.hub.join(session, feed); // first, so that nothing falls between the log and the hub
    try {
      const end = await endFor(place, deps, signal);
      if (isForeign(place, end)) {
        Object.assign(place, { last: 0, told: 0 });
        yield { kind: "reset", log: end.log };
      }
      const why = yield* visit(deps, options, Object.assign(place, { log: end.log }), feed);
      if (why === "stopped") return;
      if (why === "deleted") return yield { kind: "closed", reason: "deleted" };
      if (why === "reset") place.log = ""; // of the other log nothing is known but that it is not this one
    } finally {
      leave();
    }
  }
}

/** The end of the log, from a leader that knows the place of the watcher, if there is one. */
function endFor(place: Place, { leader, clock }: WatchDeps, signal: AbortSignal): Promise<LogEnd> {
  const isBehind = (end: LogEnd): boolean =>
    end.replicated && place.last > end.last && (place.log ?? end.log) === end.log;
  return notBehind(() => leader.end(), isBehind, { clock, signal });
}

/** From the log, then live, until the feed ends. Returns why it did. */
async function* visit(
  deps: WatchDeps,
  options: WatchOptions,
  place: Place & { log: string },
  feed: Feed,
): AsyncGenerator<Watched, FeedEnd> {
  if (await deps.leader.isDeleted(options.session)) return "deleted";
  yield* replay(deps, options, place, feed);
  yield { kind: "caught_up", last: place.last, log: place.log };
  for (;;) {
    const next = await feed.next();
    if (typeof next === "string") return next;
    if (next.seq <= place.last) continue; // the replay had it
    place.last = next.seq;
    if (shows(options, next)) yield { kind: "event", event: next, log: place.log };
  }
}

/**
 * What lies in the log, up to the last event that the leader names now, and to the last that was heard of: one that was the leader knows less, and what it does not know
 * was handed out before the feed joined.
 */
async function* replay(
  { hub, pages, leader, clock }: WatchDeps,
  options: WatchOptions,
  place: Place & { log: string },
  feed: Feed,
): AsyncGenerator<Watched, void> {
  const { session, signal } = options;
  const { log } = place;
  const isBehind = (last: number): boolean => {
    const newest = hub.newest(session);
    return last < newest && place.last < newest && feed.ended() === undefined;
  };
  const lastOf = (): Promise<number> => notBehind(() => leader.lastOf(session), isBehind, { clock, signal });
  let target = await lastOf();
  while (target > place.last) {
    const { events } = await patiently(() => pages.read(wholeSession(session), place.last + 1), {
      clock,
      signal,
    });
    // read after the page, so that a removal during the read is reported as well
    const floor = await leader.floorOf(session);
    if (floor > place.last + 1 && floor > place.told) {
      yield { kind: "gap", from: Math.max(place.last + 1, place.told), to: floor - 1, log };
      place.told = floor;
    }
    for (const event of events) {
      place.last = event.seq;
      if (shows(options, event)) yield { kind: "event", event, log };
    }
    if (events.length > 0) continue;
    // a copy that is behind, or the rest was removed meanwhile
    target = await lastOf();
    if (target > place.last) await rest(clock, BEHIND_MS, signal);
  }
}

function shows({ hidden = false }: WatchOptions, { subject }: StoredEvent): boolean {
  return hidden || !isHidden(subject);
}
