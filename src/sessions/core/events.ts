import { rest } from "../../shared/base/rest.ts";
import { isHidden, TRANSCRIPT } from "../../shared/session-log/event/kinds.ts";
import { isForeign, type Cursor } from "../../shared/session-log/follow/cursor.ts";
import type { LogEnd } from "../../shared/session-log/follow/leader.ts";
import type { ReadEvent } from "../../shared/session-log/follow/stored-event.ts";
import { patiently } from "../../shared/session-log/patiently.ts";
import type { Session } from "../../shared/session-log/registry/entry.ts";
import { outSubject, wholeSession } from "../../shared/session-log/subjects.ts";
import { isRefusal, lacks, refuse, type Caller, type Refusal } from "../access/caller.ts";
import { startBefore } from "./backwards.ts";
import type { Within } from "./deps.ts";
import { find, type SessionRef } from "./find.ts";

export type EventsRequest = {
  /** Forward from behind this place; `latest` is behind the newest event. */
  after: Cursor | "latest";
  /** Backward from this place instead. */
  before?: Cursor | undefined;
  limit: number;
};

export type EventsPage = {
  kind: "events";
  /** In their order, also when they were read backward. */
  events: ReadEvent[];
  /** Where the same request goes on: its next `after`, or its next `before`; undefined if nothing lies before. */
  next: number | undefined;
  /** Retention removed events below this place; 0 if it removed none. */
  floor: number;
  /** Place of the session's newest event. */
  last: number;
  /** Name of the log, for cursors. */
  log: string;
};

/** Most events in one answer. */
const MAX_EVENTS = 1000;
/** An answer has no more data than this, and one more event: as much as a body may have. */
const MAX_BYTES: number = 4 * 1024 * 1024;
/** Pause before a copy of the log is asked again that has not everything yet. */
const STALE_MS = 20;

/** A page of a session's events. */
export async function readEvents(
  deps: Within,
  caller: Caller,
  ref: SessionRef,
  request: EventsRequest,
): Promise<EventsPage | Refusal> {
  const session = lacks(caller, "read") ?? (await find(deps, caller, ref));
  if (isRefusal(session)) return session;
  const { after, before } = request;
  const cursor =
    before === undefined ? (after === "latest" ? undefined : after) : { ...before, seq: before.seq - 1 };
  const end = await endFor(deps, cursor);
  if (cursor !== undefined && isForeign({ last: cursor.seq, log: cursor.log }, end))
    return refuse("cursor_foreign", "the cursor belongs to another log; read from after=0");
  const limit = Math.min(request.limit, MAX_EVENTS);
  const last = await deps.leader.lastOf(session.name);
  const found =
    before === undefined
      ? await forward(deps, session, { after: after === "latest" ? last : after.seq, last, limit })
      : await backward(deps, session, { before: before.seq, limit });
  const floor = await deps.leader.floorOf(session.name); // behind the page, so that a removal during the read shows
  return { kind: "events", ...found, floor, last, log: end.log };
}

/** The end of the log: as this process knows it, if that is enough to judge the cursor. */
async function endFor({ hub, leader }: Within, cursor: Cursor | undefined): Promise<LogEnd> {
  const known = hub.end();
  if (cursor === undefined || !isForeign({ last: cursor.seq, log: cursor.log }, known)) return known;
  return await leader.end();
}

type Found = { events: ReadEvent[]; next: number | undefined };

/** Reads up to the last event that the leader named: a copy may be behind. */
async function forward(
  deps: Within,
  { name }: Session,
  { after, last, limit }: { after: number; last: number; limit: number },
): Promise<Found> {
  const found: ReadEvent[] = [];
  let at = after;
  for (let bytes = 0; at < last && found.length < limit && bytes < MAX_BYTES;) {
    const { events, more } = await patiently(() => deps.pages.read(wholeSession(name), at + 1), deps);
    for (const event of events) {
      if (found.length === limit) break;
      at = event.seq;
      if (isHidden(event.subject)) continue;
      found.push(event);
      bytes += event.data.length;
    }
    if (more || events.length > 0) continue;
    if ((await deps.leader.lastOf(name)) <= at) break; // removed meanwhile
    await rest(deps.clock, STALE_MS, deps.signal);
  }
  return { events: found, next: at };
}

async function backward(
  deps: Within,
  { name }: Session,
  { before, limit }: { before: number; limit: number },
): Promise<Found> {
  const filter = wholeSession(name);
  const hidden = outSubject(name, TRANSCRIPT);
  const count = async (of: string, from: number): Promise<number> => {
    const { events, left } = await patiently(() => deps.pages.read(of, from, 1), deps);
    return events.length + left;
  };
  const hides = (await count(hidden, 1)) > 0;
  const start = await startBefore(
    async (from) => (await count(filter, from)) - (hides ? await count(hidden, from) : 0),
    { before, limit },
  );
  const events: ReadEvent[] = [];
  for (let from = start; from < before;) {
    const page = await patiently(() => deps.pages.read(filter, from), deps);
    events.push(...page.events.filter(({ seq, subject }) => seq < before && !isHidden(subject)));
    from = (page.events.at(-1)?.seq ?? before) + 1;
    if (!page.more) break;
  }
  const shown = lastWithin(events.slice(-limit));
  const first = shown[0]?.seq;
  return {
    events: shown,
    next: first === undefined || (start <= 1 && shown.length === events.length) ? undefined : first,
  };
}

/** The last events that have no more data than an answer may, at least one. Pure. */
function lastWithin(events: readonly ReadEvent[]): ReadEvent[] {
  let bytes = 0;
  let from = events.length;
  while (from > 0 && (bytes < MAX_BYTES || from === events.length)) bytes += events[--from]?.data.length ?? 0;
  return events.slice(from);
}
