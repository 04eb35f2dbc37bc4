import type { JetStreamManager } from "@nats-io/jetstream";
import type { RelayState } from "../shared/messages/relay-state.ts";
import type { Backlog } from "../shared/messages/status/backlog.ts";
import { EVERYTHING, parseEventSubject } from "../shared/log/schema/subjects.ts";
import { EVENTS_STREAM } from "../shared/log/schema/topology.ts";
import { walk } from "../shared/log/follow/walk.ts";
import { readSettlement } from "./settlement.ts";

/** A session with pending events. `bytes` is set if relays report it. */
export type WaitingSession = { session: string; events: number; bytes?: number; held?: string };

export type WaitingSessions = {
  /** The sessions with most events first. */
  list: WaitingSession[];
  /** Relays report what is pending in their lanes. While none answers, the beginning of the backlog is read. */
  source: "relays" | "log";
  /** False if more events are pending than are counted here, of these or of other sessions. */
  complete: boolean;
};

/** Computes the backlog from the relays' reports and the held sessions. Pure. */
export function sessionsOf(relays: readonly RelayState[], backlog: Backlog): WaitingSessions {
  const sessions = new Map<string, WaitingSession>();
  for (const { session, events, bytes } of relays.flatMap((relay) => relay.backlog)) {
    if (events > 0) sessions.set(session, { session, events, bytes });
  }
  for (const { session, events, reason } of backlog.held) {
    const bytes = sessions.get(session)?.bytes;
    const known = bytes === undefined || bytes === 0 ? {} : { bytes }; // relays do not measure the bytes of held sessions
    if (events > 0) sessions.set(session, { session, events, held: reason, ...known });
  }
  const counted = backlog.heldSessions <= backlog.held.length;
  const whole =
    counted && relays.every((relay) => !relay.overflow && relay.shards.every(({ behind }) => !behind));
  return { list: byEvents(sessions), source: "relays", complete: whole };
}

/** Most events that are read. They come with their bodies, so this takes about a second. */
const MOST_READ = 5000;
const MOST_BYTES: number = 32 * 1024 * 1024;

/** Computes the backlog from the log itself, while no relay answers. */
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
      if (known?.held !== undefined) continue; // already counted
      if (known === undefined) sessions.set(session, { session, events: 1 });
      else known.events++;
    }
  }
  return { list: byEvents(sessions), source: "log", complete: true };
}

function byEvents(sessions: Map<string, WaitingSession>): WaitingSession[] {
  return [...sessions.values()].sort((a, b) => b.events - a.events || (a.session < b.session ? -1 : 1));
}
