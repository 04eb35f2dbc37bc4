import type { ControlRecord } from "../../shared/log/state/control.ts";
import { shardOf } from "../../shared/log/schema/partition.ts";
import type { Backlog } from "../../shared/messages/status/backlog.ts";
import type { LanePhase, LaneView } from "../../shared/messages/relay-view.ts";

/** How a session's lane is, in the order in which somebody should look at it. */
export const SESSION_STATES = [
  "parked",
  "paused",
  "retrying",
  "catching up",
  "sending",
  "waiting",
  "idle",
] as const;
export type SessionState = (typeof SESSION_STATES)[number];

export type SessionRow = {
  session: string;
  shard: number;
  state: SessionState;
  /** Events that wait, those on their way included. */
  events: number;
  /** Attempts of its first event that failed. */
  attempts: number;
  /** Why it does not go on. */
  reason: string;
  /** Since when it is paused or parked, or its last attempt failed; wall clock, milliseconds since 1970. */
  since?: number;
};

export type SessionSources = {
  /** As relays show them, those first that somebody should look at. */
  lanes: Iterable<LaneView>;
  /** Further lanes that relays did not list. */
  moreLanes: number;
  /** Held sessions of the whole log. */
  held: Backlog["held"];
  wishes: readonly ControlRecord[];
};

/** Words of a lane's phase. */
const PHASES: Record<LanePhase, SessionState> = {
  idle: "idle",
  ready: "waiting",
  sending: "sending",
  backoff: "retrying",
  halted: "parked",
};

/** One session. Undefined if nothing is known of it here. Pure. */
export function sessionRow(session: string, sources: SessionSources): SessionRow | undefined {
  return rowsOf(sources, (id) => id === session).next().value;
}

/**
 * The sessions that somebody should look at first, `most` at the most, and how many there are. Without a search only those that have
 * something waiting or are stopped. Memory does not grow with the sessions. Pure.
 */
export function sessionRows(
  sources: SessionSources,
  { search = "", most }: { search?: string; most: number },
): { rows: SessionRow[]; total: number } {
  const wanted = search.toLowerCase();
  let rows: SessionRow[] = [];
  let total = sources.moreLanes;
  for (const row of rowsOf(sources, (id) => id.toLowerCase().includes(wanted))) {
    if (wanted === "" && row.state === "idle") continue;
    total++;
    rows.push(row);
    if (rows.length >= 2 * most) rows = rows.sort(byUrgency).slice(0, most);
  }
  return { rows: rows.sort(byUrgency).slice(0, most), total };
}

function* rowsOf(sources: SessionSources, wanted: (session: string) => boolean): Generator<SessionRow> {
  const held = new Map(sources.held.map((it) => [it.session, it]));
  const wishes = new Map(
    sources.wishes.filter(({ action }) => action === "pause").map((it) => [it.session, it]),
  );
  const rest = new Set([...held.keys(), ...wishes.keys()].filter(wanted));
  for (const lane of sources.lanes) {
    if (!wanted(lane.session)) continue;
    rest.delete(lane.session);
    yield rowOf(lane.session, lane, held.get(lane.session), wishes.get(lane.session));
  }
  for (const session of rest) yield rowOf(session, undefined, held.get(session), wishes.get(session));
}

function rowOf(
  session: string,
  lane: LaneView | undefined,
  held: Backlog["held"][number] | undefined,
  wish: ControlRecord | undefined,
): SessionRow {
  const attempts = lane?.attempts ?? 0;
  const base = {
    session,
    shard: lane?.shard ?? shardOf(session),
    events: held?.events ?? lane?.events ?? 0,
    attempts,
  };
  if (wish !== undefined) return { ...base, state: "paused", reason: wish.text, since: wish.at };
  if (held !== undefined && held.reason !== "backlog")
    return {
      ...base,
      state: held.reason === "paused" ? "paused" : "parked",
      reason: held.text,
      since: held.since,
    };
  const phase = lane === undefined ? "idle" : PHASES[lane.phase];
  if (lane !== undefined && (phase === "retrying" || attempts > 0))
    return {
      ...base,
      state: phase === "parked" ? "catching up" : phase === "idle" ? "waiting" : phase,
      reason: lane.reason,
      ...(lane.failedAt === undefined ? {} : { since: lane.failedAt }),
    };
  // a lane stands still for a moment also while its pointer into the log is written
  if (held !== undefined || phase === "parked")
    return { ...base, state: "catching up", reason: "read from the log, because much waits" };
  return { ...base, state: phase, reason: "" };
}

function byUrgency(a: SessionRow, b: SessionRow): number {
  return urgency(a.state) - urgency(b.state) || b.events - a.events || a.session.localeCompare(b.session);
}

/** Sending and waiting change places many times a second: they count the same. */
function urgency(state: SessionState): number {
  return SESSION_STATES.indexOf(state === "sending" ? "waiting" : state);
}
