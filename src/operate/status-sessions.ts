import type { JetStreamManager } from "@nats-io/jetstream";
import type { RelayState } from "../shared/messages/relay-state.ts";
import type { Backlog } from "../shared/messages/status/backlog.ts";
import { EVERYTHING, parseEventSubject } from "../shared/log/schema/subjects.ts";
import { EVENTS_STREAM } from "../shared/log/schema/topology.ts";
import { walk } from "../shared/log/follow/walk.ts";
import { readSettlement } from "./settlement.ts";

/** A session whose events wait; `bytes` where relays tell them. */
export type WaitingSession = { session: string; events: number; bytes?: number; held?: string };

export type WaitingSessions = {
  /** Those with most events first. */
  list: WaitingSession[];
  /** Relays tell what waits in their lanes; while none answers, the beginning of the backlog is read. */
  source: "relays" | "log";
  /** False: more events wait than are counted here, of these sessions or of others. */
  complete: boolean;
};

/** From what relays tell and which sessions are held. Pure. */
export function sessionsOf(relays: readonly RelayState[], backlog: Backlog): WaitingSessions {
  const sessions = new Map<string, WaitingSession>();
  for (const { session, events, bytes } of relays.flatMap((relay) => relay.backlog)) {
    if (events > 0) sessions.set(session, { session, events, bytes });
  }
  for (const { session, events, reason } of backlog.held) {
    const bytes = sessions.get(session)?.bytes;
    const known = bytes === undefined || bytes === 0 ? {} : { bytes }; // relays do not measure what is held
    if (events > 0) sessions.set(session, { session, events, held: reason, ...known });
  }
  const counted = backlog.heldSessions <= backlog.held.length;
  const whole =
    counted && relays.every((relay) => !relay.overflow && relay.shards.every(({ behind }) => !behind));
  return { list: byEvents(sessions), source: "relays", complete: whole };
}

/** At most so much is read: a second or so, since bodies come along. */
const MOST_READ = 5000;
const MOST_BYTES: number = 32 * 1024 * 1024;

/** From the log itself, while no relay answers. */
export async function sampleWaiting(jsm: JetStreamManager, backlog: Backlog): Promise<WaitingSessions> {
  const settled = await readSettlement(jsm);
  const sessions = new Map<string, WaitingSession>();
  for (const { session, events, reason } of backlog.held) {
    if (events > 0) sessions.set(session, { session, events, held: reason });
  }
  const first = Math.min(
    ...backlog.shards.filter((it) => it.pending + it.inFlight > 0).map(({ ackFloor }) => ackFloor + 1),
  );
  let read = 0;
  let bytes = 0;
  if (Number.isFinite(first)) {
    for await (const { seq, subject, data } of walk(jsm, EVENTS_STREAM, EVERYTHING, first)) {
      if (read === MOST_READ || bytes > MOST_BYTES)
        return { list: byEvents(sessions), source: "log", complete: false };
      read++;
      bytes += data.length;
      const session = parseEventSubject(subject)?.session;
      if (session === undefined || settled(session, seq)) continue;
      const known = sessions.get(session);
      if (known?.held !== undefined) continue; // counted already
      if (known === undefined) sessions.set(session, { session, events: 1 });
      else known.events++;
    }
  }
  return { list: byEvents(sessions), source: "log", complete: true };
}

function byEvents(sessions: Map<string, WaitingSession>): WaitingSession[] {
  return [...sessions.values()].sort((a, b) => b.events - a.events || (a.session < b.session ? -1 : 1));
}
