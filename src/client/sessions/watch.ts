import { delayAfter } from "../retry.ts";
import { leashed, pause } from "./abort.ts";
import { sessionPath, type SessionRef } from "./address.ts";
import { ConnectionError, type GatewayError } from "./error.ts";
import { isNotice, readMessage, type Watched } from "./event.ts";
import { openStream } from "./stream.ts";
import type { Wire } from "./wire.ts";

export type WatchOptions = {
  /** A cursor, or the `seq` of an event: everything behind it comes. 0, the default, is the session's start; `latest` is now. */
  after?: string | number;
  signal?: AbortSignal;
};

/** How far a watcher is. `told`: the end of the last gap that it knows of. */
type Place = { cursor: string; last: number; told: number };

/** The time since a stream broke. */
type Outage = {
  /** Something came. */
  over(): void;
  /** Waits until the next attempt; throws the failure if there is none. */
  next(why: Error, waitMs: number | undefined): Promise<void>;
};

/**
 * Everything that happens in a session behind the cursor, each event once and in order, through any number of broken connections. Ends behind a `closed`. Throws {@link GatewayError}
 * for a refusal, {@link ConnectionError} when the server stays away for longer than `wire.reconnect` allows, and the signal's reason.
 */
export async function* watch(
  wire: Wire,
  session: SessionRef,
  { after = 0, signal }: WatchOptions,
): AsyncGenerator<Watched, void, undefined> {
  const place: Place = { cursor: String(after), last: 0, told: 0 };
  const outage = createOutage(wire, signal);
  for (;;) {
    let why: GatewayError | ConnectionError = new ConnectionError(
      "unreachable",
      "the server ended the stream",
    );
    let waitMs: number | undefined;
    const path = sessionPath(session, ["events"], { after: place.cursor });
    for await (const item of openStream(wire, path, signal)) {
      if (item.kind === "later") [why, waitMs] = [item.error, item.waitMs];
      else if (item.kind === "alive") outage.over();
      else {
        const watched = readMessage(item.message);
        if (!isNews(place, watched)) continue;
        if (isNotice(watched) && watched.type === "closed") {
          if (watched.data["reason"] === "stopping") continue; // another server is there, or this one's next run
          yield watched;
          return;
        }
        yield watched;
      }
    }
    await outage.next(why, waitMs);
  }
}

/** Takes an item into account. False for one that came before: a connection may end just behind what it had delivered. */
function isNews(place: Place, item: Watched): boolean {
  if (!isNotice(item)) {
    if (item.seq <= place.last) return false;
    place.last = item.seq;
    place.cursor = item.cursor;
    return true;
  }
  const { to, last, log } = item.data;
  if (item.type === "gap" && typeof to === "number") {
    if (to <= place.told) return false;
    place.told = to;
  }
  // the new log counts from its own start
  if (item.type === "reset") Object.assign(place, { cursor: "0", last: 0, told: 0 });
  // from `latest` a new connection would not get what came while there was none
  if (item.type === "caught_up" && typeof last === "number" && typeof log === "string")
    place.cursor = `${last}.${log}`;
  return true;
}

function createOutage({ clock, random, reconnect, closing }: Wire, signal: AbortSignal | undefined): Outage {
  let since: number | undefined;
  let attempts = 0;
  return {
    over() {
      since = undefined;
      attempts = 0;
    },
    async next(why, waitMs) {
      since ??= clock.now();
      const state = { attempt: ++attempts, elapsedMs: clock.now() - since, retryAfterMs: waitMs };
      const delay = delayAfter(reconnect, state, random);
      if (delay === undefined) throw why;
      const leash = leashed([closing, signal]);
      try {
        await pause(clock, delay, leash.signal);
      } finally {
        leash.release();
      }
    },
  };
}
