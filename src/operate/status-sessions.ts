import type { JetStreamManager } from "@nats-io/jetstream";
import type { RelayState } from "../shared/messages/relay-state.ts";
import { comparePlaces } from "../shared/messages/standing/session-order.ts";
import {
  allStandings,
  placeOf,
  type SessionSources,
  type SessionStanding,
} from "../shared/messages/standing/session-standing.ts";
import type { Backlog } from "../shared/messages/status/backlog.ts";
import { shardOf } from "../shared/log/schema/partition.ts";
import { EVERYTHING, parseEventSubject } from "../shared/log/schema/subjects.ts";
import { EVENTS_STREAM } from "../shared/log/schema/topology.ts";
import { walk } from "../shared/log/follow/walk.ts";
import { readSettlement } from "../shared/log/state/settlement.ts";

/** A session with pending events, or one that is paused. `bytes` is set if relays report it; `held`: why its events are read from the log. */
export type WaitingSession = SessionStanding & { bytes?: number; held?: string };

export type WaitingSessions = {
  /** Each session once: those first that somebody should look at, then those with most events. */
  list: WaitingSession[];
  /** Relays report what is pending in their lanes. While none answers, the beginning of the backlog is read. */
  source: "relays" | "log";
  /** False if more events are pending than are counted here, of these or of other sessions. */
  complete: boolean;
};

type Lanes = Pick<SessionSources, "lanes" | "moreLanes">;
type Known = { backlog: Backlog; wishes: SessionSources["wishes"]; lanes: Lanes };

/** Computes the backlog from the relays' reports, the held and paused sessions, and what relays show of their lanes. Pure. */
export function sessionsOf(
  relays: readonly RelayState[],
  { backlog, wishes, lanes }: Known,
): WaitingSessions {
  const sessions = new Map<string, WaitingSession>();
  for (const row of allStandings({ ...lanes, shardCount: backlog.shards.length, held: backlog.held, wishes }))
    if (row.events > 0 || row.state === "paused") sessions.set(row.session, row);
  for (const { session, events, bytes } of relays.flatMap((relay) => relay.backlog)) {
    const known = sessions.get(session);
    if (known === undefined && events > 0)
      sessions.set(session, { ...waiting(session, events, backlog), bytes });
    else if (known !== undefined && bytes > 0) sessions.set(session, { ...known, bytes });
  }
  noteHeld(sessions, backlog);
  const counted = backlog.heldSessions <= backlog.held.length;
  const whole =
    counted && relays.every((relay) => !relay.overflow && relay.shards.every(({ behind }) => !behind));
  return { list: inOrder(sessions), source: "relays", complete: whole };
}

/** A session of which only its number of events is known. */
function waiting(session: string, events: number, { shards }: Backlog): WaitingSession {
  return {
    session,
    shard: shardOf(session, shards.length),
    state: "waiting",
    events,
    attempts: 0,
    reason: "",
  };
}

function noteHeld(sessions: Map<string, WaitingSession>, { held }: Backlog): void {
  for (const { session, reason } of held) {
    const known = sessions.get(session);
    if (known !== undefined) sessions.set(session, { ...known, held: reason });
  }
}

/** Most events that are read. They come with their bodies, so this takes about a second. */
const MOST_READ = 5000;
const MOST_BYTES: number = 32 * 1024 * 1024;

/** Computes the backlog from the log itself, while no relay answers. */
export async function sampleWaiting(
  jsm: JetStreamManager,
  known: Pick<Known, "backlog" | "wishes">,
): Promise<WaitingSessions> {
  const { backlog, wishes } = known;
  const settled = await readSettlement(jsm);
  const sessions = new Map<string, WaitingSession>();
  for (const row of allStandings({
    lanes: [],
    moreLanes: 0,
    shardCount: backlog.shards.length,
    held: backlog.held,
    wishes,
  }))
    if (row.events > 0 || row.state === "paused") sessions.set(row.session, row);
  noteHeld(sessions, backlog);
  const first = Math.min(
    ...backlog.shards.filter((it) => it.pending + it.inFlight > 0).map(({ ackFloor }) => ackFloor + 1),
  );
  let read = 0;
  let bytes = 0;
  if (Number.isFinite(first)) {
    for await (const { seq, subject, data } of walk(jsm, EVENTS_STREAM, EVERYTHING, first)) {
      if (read === MOST_READ || bytes > MOST_BYTES)
        return { list: inOrder(sessions), source: "log", complete: false };
      read++;
      bytes += data.length;
      const session = parseEventSubject(subject)?.session;
      if (session === undefined || settled(session, seq)) continue;
      const counted = sessions.get(session);
      if (counted?.held !== undefined) continue; // its events were counted by the broker
      if (counted === undefined) sessions.set(session, waiting(session, 1, backlog));
      else counted.events++;
    }
  }
  return { list: inOrder(sessions), source: "log", complete: true };
}

function inOrder(sessions: Map<string, WaitingSession>): WaitingSession[] {
  return [...sessions.values()].sort((a, b) => comparePlaces("urgency", placeOf(a), placeOf(b)));
}
