import type { JetStreamManager } from "@nats-io/jetstream";
import { sessionToken, textOfToken } from "../../log/schema/session-id.ts";
import type { Clock } from "../../base/clock.ts";
import { rest } from "../../base/rest.ts";
import type { Pages } from "../follow/pages.ts";
import type { StoredEvent } from "../follow/stored-event.ts";
import { patiently } from "../patiently.ts";
import { readKey } from "../state/bucket.ts";
import { keyOf, keySubject } from "../state/keys.ts";
import { decodeSession, type Session } from "./entry.ts";
import { isDeleted } from "./find.ts";

export type ListedSessions = {
  /** In the order in which they were made. */
  sessions: Session[];
  /** `after` of the next page; undefined if there is none. */
  next: number | undefined;
};

/** Pause before a copy of the bucket is asked again that has not everything yet. */
const STALE_MS = 20;

/** A page of the sessions of one user or of all, with one id or any. `keys` reads the bucket. Sessions that were made meanwhile are on a later page. */
export async function listSessions(
  deps: { jsm: JetStreamManager; keys: Pages; clock: Clock; signal: AbortSignal },
  { after, limit, ...of }: { user?: string; id?: string; after: number; limit: number },
): Promise<ListedSessions> {
  const { jsm, keys, clock } = deps;
  const filter = keyOf.indexes(of);
  const sessions: Session[] = [];
  for (let at = after; ;) {
    const { events, more } = await patiently(() => keys.read(keySubject(filter), at + 1), deps);
    const known = await Promise.all(events.map((it) => patiently(() => sessionIn(jsm, it), deps)));
    for (const [i, session] of known.entries()) {
      at = events[i]?.seq ?? at;
      if (session === undefined) continue;
      sessions.push(session);
      if (sessions.length === limit) return { sessions, next: at };
    }
    if (more) continue;
    const last = (await patiently(() => readKey(jsm, filter), deps))?.revision ?? 0;
    if (last <= at) return { sessions, next: undefined };
    if (events.length === 0) await rest(clock, STALE_MS, deps.signal);
  }
}

/** The session of an entry of the index; undefined if it was deleted. */
async function sessionIn(
  jsm: JetStreamManager,
  { subject, data }: StoredEvent,
): Promise<Session | undefined> {
  const [id = "", user] = subject.split(".").toReversed();
  const session = data.length === 0 ? undefined : decodeSession(textOfToken(id), data);
  if (session === undefined || sessionToken(session.user) !== user) return undefined;
  return (await isDeleted(jsm, session.name)) ? undefined : session;
}
