import type { ControlRecord } from "../../log/state/control.ts";
import { shardOf } from "../../log/schema/partition.ts";
import type { Backlog } from "../status/backlog.ts";
import type { GateView, LanePhase, LaneView } from "./relay-view.ts";
import { comparePlaces, firstOf, RANK, type Place, type Sort } from "./session-order.ts";

// relay-view.ts is what relays tell · session-order.ts sorts · standing-text.ts says it in words · ask-views.ts asks relays
// One place decides how a session stands, so that `status`, `deliveries`, `doctor` and the console say the same.

/** How a session's lane is. */
export type SessionState = keyof typeof RANK;

/** How a session stands, and why it stands still if it does. Times are wall clock, milliseconds since 1970. */
export type SessionStanding = {
  session: string;
  shard: number;
  state: SessionState;
  /** Events that wait, those on their way included. */
  events: number;
  /** Attempts of its first event that failed. */
  attempts: number;
  /** The last answer to its first event, the text of its pause, or what everything waits for. Empty if it does not stand still. */
  reason: string;
  /** Since when it is paused or parked, its first event fails, or everything waits. */
  since?: number;
  /** When its last attempt failed. */
  failedAt?: number;
  /** When it is tried next. */
  nextAt?: number;
  /** Who paused or parked it. */
  by?: string;
};

export type SessionSources = {
  /** As relays show them, those first that somebody should look at, with the gate that they stand behind. */
  lanes: Iterable<LaneView & { gate?: GateView }>;
  /** Further lanes that relays did not list. */
  moreLanes: number;
  /** Shards of the log. */
  shardCount: number;
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

const BY_POLICY = "the poison policy";
const BY_SOMEBODY = "an operator";

/** How one session stands. Undefined if nothing is known of it here. Pure. */
export function standingOf(session: string, sources: SessionSources): SessionStanding | undefined {
  return standings(sources, (id) => id === session).next().value;
}

/** Does somebody want to know why? Pure. */
export function standsStill({ state, reason }: Pick<SessionStanding, "state" | "reason">): boolean {
  return state === "parked" || state === "paused" || (state !== "catching up" && reason !== "");
}

/** Its place among others. Pure. */
export function placeOf({ state, events, attempts, session }: SessionStanding): Place {
  return { rank: RANK[state], events, attempts, session };
}

/**
 * The first sessions in an order, `most` at the most, after a place if it is given, and how many sessions there are in all. Without a search only those
 * that have something waiting or are stopped. Memory does not grow with the sessions. Pure.
 */
export function firstStandings(
  sources: SessionSources,
  options: { search?: string; sort?: Sort; after?: Place | undefined; most: number },
): { rows: SessionStanding[]; total: number } {
  const { search = "", sort = "urgency", after, most } = options;
  const wanted = search.toLowerCase();
  let total = sources.moreLanes;
  function* listed(): Generator<SessionStanding> {
    for (const row of standings(sources, (id) => id.toLowerCase().includes(wanted))) {
      if (wanted === "" && row.state === "idle") continue;
      total++;
      yield row;
    }
  }
  const rows = firstOf(listed(), { most, sort, after, placeOf });
  return { rows, total };
}

/** All sessions that are known, those first that somebody should look at. Pure. */
export function allStandings(sources: SessionSources): SessionStanding[] {
  return [...standings(sources, () => true)].sort((a, b) => comparePlaces("urgency", placeOf(a), placeOf(b)));
}

function* standings(
  sources: SessionSources,
  wanted: (session: string) => boolean,
): Generator<SessionStanding> {
  const held = new Map(sources.held.map((it) => [it.session, it]));
  const wishes = new Map(
    sources.wishes.filter(({ action }) => action === "pause").map((it) => [it.session, it]),
  );
  const rest = new Set([...held.keys(), ...wishes.keys()].filter(wanted));
  for (const lane of sources.lanes) {
    if (!wanted(lane.session)) continue;
    rest.delete(lane.session);
    yield standing(lane.session, sources, lane, held.get(lane.session), wishes.get(lane.session));
  }
  for (const session of rest)
    yield standing(session, sources, undefined, held.get(session), wishes.get(session));
}

type Lane = LaneView & { gate?: GateView };

function standing(
  session: string,
  { shardCount }: Pick<SessionSources, "shardCount">,
  lane: Lane | undefined,
  held: Backlog["held"][number] | undefined,
  wish: ControlRecord | undefined,
): SessionStanding {
  const base = {
    session,
    shard: lane?.shard ?? shardOf(session, shardCount),
    events: held?.events ?? lane?.events ?? 0,
    attempts: lane?.attempts ?? 0,
  };
  if (wish !== undefined)
    return { ...base, state: "paused", reason: wish.text, since: wish.at, by: operator(wish.by) };
  if (held !== undefined && held.reason !== "backlog") {
    const paused = held.reason === "paused";
    return {
      ...base,
      state: paused ? "paused" : "parked",
      reason: held.text,
      since: held.since,
      by: paused ? BY_SOMEBODY : BY_POLICY,
    };
  }
  const state = stateOf(lane, held !== undefined);
  return { ...base, state, ...(lane === undefined ? { reason: "" } : troubleOf(lane, state)) };
}

/** `alice@host` as far as it is known. Pure. */
export function operator(by: string | undefined): string {
  return by === undefined ? BY_SOMEBODY : `${BY_SOMEBODY} (${by})`;
}

function stateOf(lane: Lane | undefined, isHeld: boolean): SessionState {
  const phase = lane === undefined ? "idle" : PHASES[lane.phase];
  if (phase === "retrying") return phase;
  // a lane also stands still for a moment while its pointer into the log is written
  if (phase === "parked" || isHeld) return "catching up";
  return phase === "idle" && lane !== undefined && lane.attempts > 0 ? "waiting" : phase;
}

/** A lane is tried when its own wait is over. In an outage the gate decides, but for a wait that the coordinator asked for. */
function nextTryOf(lane: Lane, shut: Extract<GateView, { since: number }> | undefined): number | undefined {
  if (shut === undefined) return lane.nextAt;
  if (lane.asked !== true || lane.nextAt === undefined) return shut.nextAt;
  return Math.max(lane.nextAt, shut.nextAt ?? 0);
}

/** What keeps a lane: its own failures, or the gate that all wait for. */
function troubleOf(
  lane: Lane,
  state: SessionState,
): Pick<SessionStanding, "reason" | "since" | "failedAt" | "nextAt"> {
  const shut = lane.gate !== undefined && "since" in lane.gate ? lane.gate : undefined;
  const nextAt = nextTryOf(lane, shut);
  const next = nextAt === undefined ? {} : { nextAt };
  if (state === "retrying" || lane.attempts > 0) {
    const since = lane.failingSince ?? lane.failedAt;
    return {
      reason: lane.reason,
      ...(since === undefined ? {} : { since }),
      ...(lane.failedAt === undefined ? {} : { failedAt: lane.failedAt }),
      ...next,
    };
  }
  if (shut === undefined || state === "idle") return { reason: "" };
  return { reason: gateReason(shut), since: shut.since, ...next };
}

/** What a gate that is shut says of itself. Pure. */
function gateReason(gate: Extract<GateView, { since: number }>): string {
  const what = gate.phase === "away" ? "the coordinator is away" : `paused: ${gate.reason}`;
  return gate.text === "" ? what : `${what}: ${gate.text}`;
}
