import type { Msg, NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../shared/base/clock.ts";
import { parseJsonWithin, QUESTION } from "../../shared/base/json-scan.ts";
import { isConsoleInbox, VIEW_SUBJECT } from "../../shared/log/schema/subjects.ts";
import { relayToken } from "../../shared/messages/relay-state.ts";
import {
  MOST_LANES,
  type GateView,
  type LaneView,
  type RelayView,
  type ViewQuestion,
} from "../../shared/messages/relay-view.ts";
import type { Gate, GateState } from "../coordinator/gate.ts";
import type { HeldSessions, Lane } from "../lanes/index.ts";

/** The subject is this relay's own, so no other relay takes its questions. The group is there because the broker lets relays listen in it only. */
const QUEUE = "relay";

/** The parts of a lane that are shown. */
export type ShownLane = Pick<
  Lane,
  "session" | "shard" | "length" | "attempts" | "lastReason" | "lastFailureAt"
> & { phase: { name: Lane["phase"]["name"] }; inFlight: { length: number } };

/** The gate without the parts that only this relay needs. Pure. */
export function gateViewOf(state: GateState): GateView {
  switch (state.phase) {
    case "checking":
    case "up":
      return { phase: state.phase };
    case "away":
      return { phase: "away", since: state.since, text: state.text };
    case "paused":
      return { phase: "paused", reason: state.reason, since: state.since, text: state.text };
  }
}

/** In the order in which the console shows sessions: parked, paused, failing, read from the log, sending or waiting, idle. */
function rankOf(lane: ShownLane, held: ReadonlyMap<string, string>): number {
  const reason = held.get(lane.session);
  if (reason === "parked") return 0;
  if (reason === "paused") return 1;
  if (lane.phase.name === "backoff") return 2;
  if (reason !== undefined || lane.phase.name === "halted") return 3;
  return lane.phase.name === "idle" ? 5 : 4;
}

function eventsOf(lane: ShownLane): number {
  return lane.length + lane.inFlight.length;
}

function laneViewOf(lane: ShownLane, wallOffset: number): LaneView {
  return {
    session: lane.session,
    shard: lane.shard,
    phase: lane.phase.name,
    events: eventsOf(lane),
    attempts: lane.attempts,
    reason: lane.lastReason,
    ...(lane.attempts > 0 || lane.phase.name === "backoff"
      ? { failedAt: wallOffset + lane.lastFailureAt }
      : {}),
  };
}

/**
 * The lanes that a question is about, those that need attention first, and how many more there are. Without a search idle lanes
 * are left out, unless their session is held. `held`: why each held session is held; `wallOffset`: adding it to a `clock.now()` makes it
 * a wall clock. Memory does not grow with the lanes. Pure.
 */
export function lanesFor(
  { most, search = "", session }: Omit<ViewQuestion, "v">,
  lanes: Iterable<ShownLane>,
  known: { held: ReadonlyMap<string, string>; wallOffset: number },
): Pick<RelayView, "lanes" | "more"> {
  if (most === 0) return { lanes: [], more: 0 };
  const { held, wallOffset } = known;
  const wanted = search.toLowerCase();
  const byUrgency = (a: ShownLane, b: ShownLane): number =>
    rankOf(a, held) - rankOf(b, held) || eventsOf(b) - eventsOf(a) || a.session.localeCompare(b.session);
  let found: ShownLane[] = [];
  let free = 0;
  for (const lane of lanes) {
    const isHeld = held.has(lane.session);
    if (session !== undefined && lane.session !== session) continue;
    if (session === undefined && !lane.session.toLowerCase().includes(wanted)) continue;
    if (session === undefined && wanted === "" && lane.phase.name === "idle" && !isHeld) continue;
    if (!isHeld) free++;
    found.push(lane);
    if (found.length >= 2 * most) found = found.sort(byUrgency).slice(0, most);
  }
  const shown = found.sort(byUrgency).slice(0, most);
  return {
    lanes: shown.map((lane) => laneViewOf(lane, wallOffset)),
    more: free - shown.filter((lane) => !held.has(lane.session)).length,
  };
}

/** Undefined for what the console does not ask. Pure. */
export function questionOf(value: unknown): ViewQuestion | undefined {
  const { v, most, search, session } = (value ?? {}) as Partial<Record<keyof ViewQuestion, unknown>>;
  if (v !== 1 || typeof most !== "number" || !Number.isInteger(most) || most < 0) return undefined;
  return {
    v,
    most: Math.min(most, MOST_LANES),
    ...(typeof search === "string" ? { search } : {}),
    ...(typeof session === "string" ? { session } : {}),
  };
}

/** Shows the console what only this relay knows: its gate, its lanes, and how much it delivered. */
export function serveView(deps: {
  nc: NatsConnection;
  clock: Clock;
  relay: string;
  /** Random name of this process. */
  instance: string;
  gate: Pick<Gate, "state">;
  dispatcher: { lanes(): Iterable<ShownLane> };
  held: Pick<HeldSessions, "list">;
  /** Events delivered since this relay started. */
  delivered: () => number;
  /** The answer would not go to the console. */
  foreign: (what: "request") => void;
}): { stop(): void } {
  const { nc, clock, relay, instance } = deps;

  function view(question: ViewQuestion): RelayView {
    const held = new Map<string, string>(); // not needed for a question about no lane, which comes once a second
    if (question.most > 0) for (const { record } of deps.held.list()) held.set(record.session, record.reason);
    const wallOffset = clock.wall() - clock.now();
    return {
      v: 1,
      relay,
      instance,
      gate: gateViewOf(deps.gate.state()),
      delivered: deps.delivered(),
      ...lanesFor(question, deps.dispatcher.lanes(), { held, wallOffset }),
    };
  }

  const subscription = nc.subscribe(`${VIEW_SUBJECT}.${relayToken({ relay, instance })}`, {
    queue: QUEUE,
    callback(error: Error | null, msg: Msg) {
      if (error !== null) return;
      if (!isConsoleInbox(msg.reply)) return deps.foreign("request");
      const question = questionOf(parseJsonWithin(msg.data, QUESTION));
      if (question !== undefined) msg.respond(JSON.stringify(view(question)));
    },
  });
  return { stop: () => subscription.unsubscribe() };
}
