import type { JetStreamManager, StoredMsg } from "@nats-io/jetstream";
import { walk } from "../../log/follow/walk.ts";
import type { StoredEvent } from "../follow/stored-event.ts";
import { namedFilter, outSubject } from "../subjects.ts";
import { SESSIONS_STREAM } from "../topology.ts";
import { openTurnCounts, openTurns } from "../turns/unfinished.ts";
import { activityOf, type Activity } from "./activity.ts";

/** Sessions that are looked into. Each costs some requests of about 0.5 ms; of all others the broker only counts the turns. */
const MOST_READ = 200;
/** Sessions that are read at the same time. */
const AT_ONCE = 16;
/** Events of one kind that are read at once: a turn has few of them. */
const PAGE = 20;

export type Activities = {
  sessions: Activity[];
  /** Sessions with turns that have not ended, beyond those. */
  more: number;
};

/** Reads what goes on in all sessions, with direct gets, so that it may be a little old where the log has copies. */
export async function readActivities(jsm: JetStreamManager): Promise<Activities> {
  const open = [...(await openTurnCounts(jsm))];
  const sessions: Activity[] = [];
  const next = open.slice(0, MOST_READ).entries();
  const reader = async (): Promise<void> => {
    for (const [i, [name, turns]] of next)
      sessions[i] = activityOf(name, turns, await eventsOfNewestTurn(jsm, name));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, reader));
  return { sessions, more: open.length - sessions.length };
}

/** What goes on in one session, with the events that tell it. */
export async function readActivity(
  jsm: JetStreamManager,
  name: string,
): Promise<{ activity: Activity; events: StoredEvent[] }> {
  const open = await openTurns(jsm, name);
  const events = open > 0 ? await eventsOfNewestTurn(jsm, name) : [];
  return { activity: activityOf(name, open, events), events };
}

async function eventsOfNewestTurn(jsm: JetStreamManager, name: string): Promise<StoredEvent[]> {
  const last_by_subj = outSubject(name, "turn_started");
  const started = await jsm.direct.getMessage(SESSIONS_STREAM, { last_by_subj });
  if (started === null) return [];
  const filters = [
    outSubject(name, "turn_ended"),
    outSubject(name, "permission_request"),
    outSubject(name, "permission_resolved"),
    namedFilter(name, "decision"),
  ];
  const events: StoredMsg[] = [started];
  for (const filter of filters)
    for await (const event of walk(jsm, SESSIONS_STREAM, filter, started.seq, PAGE)) events.push(event);
  return events.map(({ seq, subject, data }) => ({ seq, subject, data }));
}
