import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../base/clock.ts";
import { errorText } from "../../base/errors.ts";
import type { Logger } from "../../base/logger.ts";
import { LIVE_SUBJECT } from "../topology.ts";
import { catchUp } from "./catch-up.ts";
import { advance, type Learnt, type Position } from "./contiguity.ts";
import { followDeletions } from "./deletions.ts";
import type { Feed } from "./feed.ts";
import { createFeeds } from "./feeds.ts";
import { createHeard } from "./heard.ts";
import type { Leader, LogEnd } from "./leader.ts";
import { notBehind } from "./not-behind.ts";
import type { Pages } from "./pages.ts";
import { repeatedly } from "./repeatedly.ts";
import { heardEvent, type StoredEvent } from "./stored-event.ts";

// contiguity.ts decides what follows what · catch-up.ts reads what was missed, pages.ts a part of the log · leader.ts knows where it ends · deletions.ts hears of sessions
// that are deleted · feeds.ts hands out, feed.ts is one watcher's queue · heard.ts remembers how far sessions go, not-behind.ts asks a leader that knows less again
// One subscription for all sessions of a process, because a consumer for each watcher fails at some thousands. What is heard may have holes (a reconnect, a
// broker that drops for a slow reader), so that nothing is handed on before everything below it was.

export type Hub = {
  /** From now on `feed` gets every event of a session, once and in order, until the returned function is called. */
  join(session: string, feed: Feed): () => void;
  /** The newest event of a session that is known to be stored; 0 if none is, or if the leader knows it for sure because there is one server only. */
  newest(session: string): number;
  /** Events of all sessions, as a hint that something happened: what was removed before it was read is missing. Until the returned function is called. */
  hear(listener: (event: StoredEvent) => void): () => void;
  /** The end of the log as it was looked at last. */
  end(): LogEnd;
  close(): void;
};

/** How often the leader is asked where the log ends: the broker says nothing if the last event of all was lost on the way. */
const POLL_MS = 1000;

/** Opens the hub of a process. Resolves when it hears everything that is stored from then on. */
export async function openHub(deps: {
  nc: NatsConnection;
  pages: Pages;
  leader: Leader;
  clock: Clock;
  log: Logger;
  signal: AbortSignal;
}): Promise<Hub> {
  const { nc, leader, signal } = deps;
  const feeds = createFeeds();
  const heard = createHeard();
  let position: Position = { kind: "live", upTo: Infinity }; // until it is known where the log ends
  let reading = false;
  const read = async (): Promise<void> => {
    if (reading) return;
    reading = true;
    // again, because something may have been learnt after the last look
    while (position.kind === "behind" && !signal.aborted)
      await catchUp({ ...deps, position: () => position, learn });
    reading = false;
  };

  function learn(learnt: Learnt, event?: StoredEvent): void {
    const [next, move] = advance(position, learnt);
    position = next;
    if (event !== undefined) heard.note(event);
    if (move === "reset") heard.forget();
    if (move === "rejoin" || move === "reset") feeds.end(move);
    if (move === "deliver" && event !== undefined) feeds.push(event);
    if (move === "read") void read();
  }

  const subscription = nc.subscribe(LIVE_SUBJECT, {
    callback(_, message) {
      const event = heardEvent(message);
      if (event !== undefined) learn({ type: "heard", seq: event.seq }, event);
    },
  });
  await nc.flush();
  let end = await leader.end();
  position = { kind: "live", upTo: end.last };
  const deletions = await followDeletions(leader, (session) => feeds.end("deleted", session));

  async function poll(): Promise<void> {
    const before = end;
    const asked = position.upTo;
    end = await endAfter(before, asked, deps);
    learn({ type: "last", last: end.last, asked, other: end.log !== before.log });
    await deletions.look();
  }

  const stop = pollEach(poll, deps); // at once, for what came between the two
  return {
    join: (session, feed) => feeds.join(session, feed),
    newest: (session) => (end.replicated ? heard.of(session) : 0),
    hear: (listener) => feeds.hear(listener),
    end: () => end,
    close() {
      stop();
      subscription.unsubscribe();
    },
  };
}

function pollEach(
  poll: () => Promise<void>,
  { clock, log, signal }: { clock: Clock; log: Logger; signal: AbortSignal },
): () => void {
  const failed = (error: unknown): void => {
    if (!signal.aborted) log.warn({ error: errorText(error) }, "the end of the log of sessions is not known");
  };
  return repeatedly(() => poll().catch(failed), { pauseMs: POLL_MS, clock, signal });
}

/** The end of the log, from a leader that knows what was handed on already. */
function endAfter(
  { log }: LogEnd,
  upTo: number,
  { leader, clock, signal }: { leader: Leader; clock: Clock; signal: AbortSignal },
): Promise<LogEnd> {
  const isBehind = (end: LogEnd): boolean => end.replicated && end.log === log && end.last < upTo;
  return notBehind(() => leader.end(), isBehind, { clock, signal });
}
