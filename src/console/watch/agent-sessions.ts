import type { JetStreamManager } from "@nats-io/jetstream";
import { countFrom, lastFrom } from "../../shared/log/follow/positions.ts";
import { infoOf } from "../../shared/log/provision/ensure-stream.ts";
import { walk } from "../../shared/log/follow/walk.ts";
import { isHidden, TRANSCRIPT } from "../../shared/session-log/event/kinds.ts";
import {
  readSessionEvent,
  type SessionEvent,
  type UnreadableEvent,
} from "../../shared/session-log/event/session-event.ts";
import type { StoredEvent } from "../../shared/session-log/follow/stored-event.ts";
import { CREATIONS, readCreation } from "../../shared/session-log/registry/find.ts";
import type { Session } from "../../shared/session-log/registry/entry.ts";
import type { Activity } from "../../shared/session-log/report/activity.ts";
import { readActivities, readActivity } from "../../shared/session-log/report/read-activity.ts";
import { readWorkers } from "../../shared/session-log/report/workers.ts";
import { readTurnsPause, type TurnsPause } from "../../shared/session-log/state/pause.ts";
import { keyOf, keySubject } from "../../shared/session-log/state/keys.ts";
import { creationOf, outSubject, wholeSession } from "../../shared/session-log/subjects.ts";
import { SESSION_STATE_STREAM, SESSIONS_STREAM } from "../../shared/session-log/topology.ts";

/** A session with what goes on in it. */
export type AgentRow = { session: Session; activity: Activity };

/** What the page of all sessions shows. `absent`: the broker has no log of sessions. */
export type AgentList =
  | { rows: AgentRow[]; workers: string[]; paused: TurnsPause | undefined; more: boolean }
  | "absent";

/** A question of an agent, with what it asks. */
export type OpenQuestion = { request: string; data: Uint8Array };

export type AgentPage = {
  session: Session;
  activity: Activity;
  questions: OpenQuestion[];
  /** Newest first. */
  events: (SessionEvent | UnreadableEvent)[];
  total: number;
  older?: number;
};

/** Reads agent sessions for pages that refresh every second, with the console's own login. */
export type AgentSessions = {
  /** Those with turns that have not ended, then the newest ones. */
  list(): Promise<AgentList>;
  /** One session by its name in subjects, with events older than the sequence `before`. Undefined if there is none, or it was deleted. */
  page(name: string, options: { before?: number; size: number }): Promise<AgentPage | undefined>;
};

/** Sessions without turns that are listed. */
const NEWEST = 50;

/** Events that may come between the count and the reading. */
const MOST_LATER = 100;

export function createAgentSessions(jsm: JetStreamManager): AgentSessions {
  return { list: () => readList(jsm), page: (name, options) => readPage(jsm, name, options) };
}

async function readList(jsm: JetStreamManager): Promise<AgentList> {
  if ((await infoOf(jsm, SESSIONS_STREAM)) === undefined) return "absent";
  const [{ sessions, more }, recent, workers, paused] = await Promise.all([
    readActivities(jsm),
    newest(jsm),
    readWorkers(jsm),
    readTurnsPause(jsm),
  ]);
  const busy = await Promise.all(
    sessions.map(async (activity) => {
      const session =
        recent.find(({ name }) => name === activity.name) ?? (await sessionNamed(jsm, activity.name));
      return session && { session, activity };
    }),
  );
  const active = new Set(sessions.map(({ name }) => name));
  const idle = recent
    .filter(({ name }) => !active.has(name))
    .map((session) => ({ session, activity: { name: session.name, waiting: 0 } }));
  const rows = [...busy.filter((it) => it !== undefined).toSorted(byUrgency), ...idle];
  return { rows, workers, paused, more: more > 0 };
}

async function readPage(
  jsm: JetStreamManager,
  name: string,
  { before, size }: { before?: number; size: number },
): Promise<AgentPage | undefined> {
  const session = await sessionNamed(jsm, name);
  if (session === undefined) return undefined;
  const filter = wholeSession(name);
  const count = (from: number, of = filter): Promise<number> => countFrom(jsm, of, from, SESSIONS_STREAM);
  const [total, hidden, after, { activity, events }] = await Promise.all([
    count(1),
    count(1, outSubject(name, TRANSCRIPT)),
    before === undefined ? 0 : count(before),
    readActivity(jsm, name),
  ]);
  const shown: StoredEvent[] = [];
  const from = await lastFrom(jsm, filter, size + after, SESSIONS_STREAM);
  for await (const event of walk(jsm, SESSIONS_STREAM, filter, from, size)) {
    if ((before !== undefined && event.seq >= before) || shown.length === size + MOST_LATER) break;
    shown.push(event);
  }
  const page = shown.slice(-size);
  const oldest = page[0];
  return {
    session,
    activity,
    questions: questionsOf(activity, events),
    events: page
      .filter(({ subject }) => !isHidden(subject))
      .map(shownEvent)
      .toReversed(), // fewer than a page where some are hidden
    total: total - hidden,
    ...(oldest !== undefined && total - after > page.length ? { older: oldest.seq } : {}),
  };
}

async function newest(jsm: JetStreamManager): Promise<Session[]> {
  const found: Promise<Session | undefined>[] = [];
  const from = await lastFrom(jsm, CREATIONS, NEWEST, SESSIONS_STREAM);
  for await (const event of walk(jsm, SESSIONS_STREAM, CREATIONS, from))
    found.push(unlessDeleted(jsm, readCreation(event)));
  return (await Promise.all(found)).filter((it) => it !== undefined).toReversed();
}

async function sessionNamed(jsm: JetStreamManager, name: string): Promise<Session | undefined> {
  const found = await jsm.direct.getMessage(SESSIONS_STREAM, { seq: 1, next_by_subj: creationOf(name) });
  return found === null ? undefined : await unlessDeleted(jsm, readCreation(found));
}

async function unlessDeleted(
  jsm: JetStreamManager,
  session: Session | undefined,
): Promise<Session | undefined> {
  if (session === undefined) return undefined;
  const last_by_subj = keySubject(keyOf.tombstone(session.name));
  return (await jsm.direct.getMessage(SESSION_STATE_STREAM, { last_by_subj })) === null ? session : undefined;
}

function shownEvent(stored: StoredEvent): SessionEvent | UnreadableEvent {
  const read = readSessionEvent(stored);
  return "event" in read ? read.event : read;
}

function questionsOf({ running }: Activity, events: readonly StoredEvent[]): OpenQuestion[] {
  const open = running?.questions ?? [];
  const asked = events.map(shownEvent).filter((it) => it.type === "permission_request" && "data" in it);
  return open.flatMap((request) => {
    const found = asked.find((it) => "data" in it && Buffer.from(it.data).includes(JSON.stringify(request)));
    return found !== undefined && "data" in found ? [{ request, data: found.data }] : [];
  });
}

/** Who waits for a person comes first. */
function byUrgency(a: AgentRow, b: AgentRow): number {
  const weight = ({ activity: { running, waiting } }: AgentRow): number =>
    (running?.questions.length ? 2 : 0) + (running === undefined && waiting > 0 ? 1 : 0);
  return weight(b) - weight(a) || b.session.at - a.session.at;
}
