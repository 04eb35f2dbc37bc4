import type { Clock } from "../../base/clock.ts";
import { patiently } from "../patiently.ts";
import { wholeSession } from "../subjects.ts";
import { createFeed } from "./feed.ts";
import type { Hub } from "./hub.ts";
import type { Leader } from "./leader.ts";
import type { Pages } from "./pages.ts";
import type { StoredEvent } from "./stored-event.ts";

export type Watched =
  | { kind: "event"; event: StoredEvent }
  /** Events of the session from `from` to `to` may be missing: retention removed them. */
  | { kind: "gap"; from: number; to: number }
  /** The cursor belongs to another log, or to one that lost its end: everything that there is comes from the start. */
  | { kind: "reset" }
  /** Everything up to here was handed out; what follows was stored after that. */
  | { kind: "caught_up"; last: number };

/** Bytes that wait for a watcher that does not read, before it goes back to the log. */
const FEED_BYTES: number = 64 * 1024;
/** Pause before a copy of the log is asked again that has not everything yet. */
const STALE_MS = 20;

export type WatchDeps = { hub: Hub; pages: Pages; leader: Leader; clock: Clock };

/**
 * Every event of a session above the cursor `after`, once and in order (WATCH-1), until `signal`. A consumer that is slow costs {@link FEED_BYTES} and a page:
 * it then reads from the log. Rejects with the signal's reason if that comes while the broker is asked.
 */
export async function* watch(
  deps: WatchDeps,
  options: { session: string; after: number; signal: AbortSignal },
): AsyncGenerator<Watched, void> {
  const { session, signal } = options;
  const position = { last: options.after, told: 0 };
  let feed = createFeed(FEED_BYTES);
  const stop = (): void => feed.stop();
  signal.addEventListener("abort", stop);
  using _ = { [Symbol.dispose]: () => signal.removeEventListener("abort", stop) };
  for (; !signal.aborted; feed = createFeed(FEED_BYTES)) {
    const leave = deps.hub.join(session, feed); // first, so that nothing falls between the log and the hub
    try {
      if (position.last > (await deps.leader.end())) {
        Object.assign(position, { last: 0, told: 0 });
        yield { kind: "reset" };
      }
      yield* replay(deps, options, position);
      yield { kind: "caught_up", last: position.last };
      for (;;) {
        const next = await feed.next();
        if (next === "stopped") return;
        if (next === "overflow") break;
        if (next === "reset") {
          Object.assign(position, { last: 0, told: 0 });
          yield { kind: "reset" };
          break;
        }
        if (next.seq <= position.last) continue; // the replay had it
        position.last = next.seq;
        yield { kind: "event", event: next };
      }
    } finally {
      leave();
    }
  }
}

/** What lies in the log, up to the last event that the leader names now. */
async function* replay(
  { pages, leader, clock }: WatchDeps,
  { session, signal }: { session: string; signal: AbortSignal },
  position: { last: number; told: number },
): AsyncGenerator<Watched, void> {
  let target = await leader.lastOf(session);
  while (target > position.last) {
    const { events } = await patiently(() => pages.read(wholeSession(session), position.last + 1), {
      clock,
      signal,
    });
    // read after the page, so that a removal during the read is reported as well
    const floor = await leader.floorOf(session);
    if (floor > position.last + 1 && floor > position.told) {
      yield { kind: "gap", from: Math.max(position.last + 1, position.told), to: floor - 1 };
      position.told = floor;
    }
    for (const event of events) {
      position.last = event.seq;
      yield { kind: "event", event };
    }
    if (events.length > 0) continue;
    // a copy that is behind, or the rest was removed meanwhile
    target = await leader.lastOf(session);
    if (target > position.last) await new Promise<void>((resolve) => clock.after(STALE_MS, resolve));
  }
}
