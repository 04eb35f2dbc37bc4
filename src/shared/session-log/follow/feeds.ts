import { sessionIn } from "../subjects.ts";
import type { Feed, FeedEnd } from "./feed.ts";
import type { StoredEvent } from "./stored-event.ts";

/** The feeds of a process's watchers, by session. */
export type Feeds = {
  /** From now on `feed` gets the events of a session, until the returned function is called. */
  join(session: string, feed: Feed): () => void;
  push(event: StoredEvent): void;
  /** From now on `listener` is called with the events of all sessions, until the returned function is. */
  hear(listener: (event: StoredEvent) => void): () => void;
  /** Ends the feeds of a session, or all of them. */
  end(why: FeedEnd, session?: string): void;
};

export function createFeeds(): Feeds {
  const bySession = new Map<string, Set<Feed>>();
  const listeners = new Set<(event: StoredEvent) => void>();
  return {
    join(session, feed) {
      const feeds = bySession.get(session) ?? new Set();
      bySession.set(session, feeds.add(feed));
      return () => {
        feeds.delete(feed);
        if (feeds.size === 0 && bySession.get(session) === feeds) bySession.delete(session);
      };
    },
    push(event) {
      for (const feed of bySession.get(sessionIn(event.subject)) ?? []) feed.push(event);
      for (const listener of listeners) listener(event);
    },
    hear(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    end(why, session) {
      const ended = session === undefined ? bySession.values() : [bySession.get(session) ?? []];
      for (const feeds of ended) for (const feed of feeds) feed.end(why);
    },
  };
}
