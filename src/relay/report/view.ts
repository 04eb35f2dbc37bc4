import type { Msg, NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../shared/base/clock.ts";
import { parseJsonWithin, QUESTION } from "../../shared/base/json-scan.ts";
import { isConsoleInbox, isOperatorInbox, VIEW_SUBJECT } from "../../shared/log/schema/subjects.ts";
import { relayToken } from "../../shared/messages/relay-state.ts";
import {
  MOST_LANES,
  MOST_LANES_BYTES,
  type GateView,
  type LaneView,
  type RelayView,
  type ViewQuestion,
} from "../../shared/messages/standing/relay-view.ts";
import {
  firstOf,
  placeFrom,
  RANK,
  sortFrom,
  type Place,
} from "../../shared/messages/standing/session-order.ts";
import type { Gate, GateState } from "../coordinator/gate.ts";
import type { HeldSessions, Lane } from "../lanes/index.ts";

/** The subject is this relay's own, so no other relay takes its questions. The group is there because the broker lets relays listen in it only. */
const QUEUE = "relay";

/** The parts of a lane that are shown. */
export type ShownLane = Pick<
  Lane,
  "session" | "shard" | "length" | "attempts" | "lastReason" | "firstFailureAt" | "lastFailureAt"
> & {
  phase: { name: Lane["phase"]["name"]; until?: number | undefined; asked?: boolean };
  inFlight: { length: number };
};

/** A held session as far as it decides on its lane's place. */
type ShownHeld = { reason: string; events: number };

/** Longest reason of a lane in a list, characters. Asked for by its session, a lane tells the whole of it. */
const LISTED_REASON = 500;

/** The gate without what only this relay needs of it. `nextAt`: wall time of the next probe. Pure. */
export function gateViewOf(state: GateState, nextAt?: number): GateView {
  const next = nextAt === undefined ? {} : { nextAt };
  switch (state.phase) {
    case "checking":
    case "up":
      return { phase: state.phase };
    case "away":
      return { phase: "away", since: state.since, text: state.text, ...next };
    case "paused":
      return { phase: "paused", reason: state.reason, since: state.since, text: state.text, ...next };
  }
}

function rankOf({ phase }: ShownLane, held: ShownHeld | undefined): number {
  if (held?.reason === "parked") return RANK.parked;
  if (held?.reason === "paused") return RANK.paused;
  if (phase.name === "backoff") return RANK.retrying;
  if (held !== undefined || phase.name === "halted") return RANK["catching up"];
  return phase.name === "idle" ? RANK.idle : RANK.waiting;
}

function eventsOf(lane: ShownLane): number {
  return lane.length + lane.inFlight.length;
}

/** Its place among all sessions. The console computes the same one from the view and from what the broker knows (session-standing.ts). Pure. */
function placeOf(lane: ShownLane, held: ShownHeld | undefined): Place {
  const { session, attempts } = lane;
  return { rank: rankOf(lane, held), events: held?.events ?? eventsOf(lane), attempts, session };
}

function laneViewOf(lane: ShownLane, wallOffset: number, mostReason: number): LaneView {
  const { phase, attempts, lastReason: reason } = lane;
  const failed = attempts > 0;
  return {
    session: lane.session,
    shard: lane.shard,
    phase: phase.name,
    events: eventsOf(lane),
    attempts,
    reason: reason.length > mostReason ? `${reason.slice(0, mostReason - 1)}…` : reason,
    ...(failed ? { failingSince: wallOffset + lane.firstFailureAt } : {}),
    ...(failed || phase.name === "backoff" ? { failedAt: wallOffset + lane.lastFailureAt } : {}),
    ...(phase.until === undefined ? {} : { nextAt: wallOffset + phase.until }),
    ...(phase.asked === true ? { asked: true as const } : {}),
  };
}

/** The first lanes that fit into one message; at least one. Pure. */
function thatFit(lanes: readonly LaneView[]): LaneView[] {
  let bytes = 0;
  const end = lanes.findIndex(
    (lane) => (bytes += Buffer.byteLength(JSON.stringify(lane))) > MOST_LANES_BYTES,
  );
  return lanes.slice(0, end === -1 ? undefined : Math.max(1, end));
}

/**
 * The lanes that a question is about, in the order that it wants, and how many more there are. Without a search idle lanes are left out,
 * unless their session is held. `held`: the held sessions; `wallOffset`: adding it to a `clock.now()` makes it a wall clock. Memory does
 * not grow with the lanes. Pure.
 */
export function lanesFor(
  question: Omit<ViewQuestion, "v">,
  lanes: Iterable<ShownLane>,
  known: { held: ReadonlyMap<string, ShownHeld>; wallOffset: number },
): Pick<RelayView, "lanes" | "more"> {
  const { most, search = "", session, sort = "urgency", after } = question;
  if (most === 0) return { lanes: [], more: 0 };
  const { held, wallOffset } = known;
  const wanted = search.toLowerCase();
  let free = 0;
  function* matching(): Generator<ShownLane> {
    for (const lane of lanes) {
      const isHeld = held.has(lane.session);
      if (session !== undefined && lane.session !== session) continue;
      if (session === undefined && !lane.session.toLowerCase().includes(wanted)) continue;
      if (session === undefined && wanted === "" && lane.phase.name === "idle" && !isHeld) continue;
      if (!isHeld) free++;
      yield lane;
    }
  }
  const first = firstOf(matching(), {
    most,
    sort,
    after,
    placeOf: (lane) => placeOf(lane, held.get(lane.session)),
  });
  const mostReason = session === undefined ? LISTED_REASON : Infinity;
  const shown = thatFit(first.map((lane) => laneViewOf(lane, wallOffset, mostReason)));
  return { lanes: shown, more: free - shown.filter((lane) => !held.has(lane.session)).length };
}

/** Undefined for what the console does not ask. Pure. */
export function questionOf(value: unknown): ViewQuestion | undefined {
  const { v, most, search, session, ...place } = (value ?? {}) as Partial<
    Record<keyof ViewQuestion, unknown>
  >;
  if (v !== 1 || typeof most !== "number" || !Number.isInteger(most) || most < 0) return undefined;
  const [sort, after] = [sortFrom(place.sort), placeFrom(place.after)];
  return {
    v,
    most: Math.min(most, MOST_LANES),
    ...(sort === undefined ? {} : { sort }),
    ...(after === undefined ? {} : { after }),
    ...(typeof search === "string" ? { search } : {}),
    ...(typeof session === "string" ? { session } : {}),
  };
}

/** Shows the console and operators what only this relay knows: its gate, its lanes, and how much it delivered. */
export function serveView(deps: {
  nc: NatsConnection;
  clock: Clock;
  relay: string;
  /** Random name of this process. */
  instance: string;
  gate: Pick<Gate, "state" | "nextProbeAt">;
  dispatcher: { lanes(): Iterable<ShownLane> };
  held: Pick<HeldSessions, "list">;
  /** Events delivered since this relay started. */
  delivered: () => number;
  /** The answer would not go to the console. */
  foreign: (what: "request") => void;
}): { stop(): void } {
  const { nc, clock, relay, instance } = deps;

  function view(question: ViewQuestion): RelayView {
    const held = new Map<string, ShownHeld>(); // not needed for a question about no lane, which comes once a second
    if (question.most > 0)
      for (const { record, waiting } of deps.held.list())
        held.set(record.session, { reason: record.reason, events: waiting });
    const wallOffset = clock.wall() - clock.now();
    const probeAt = deps.gate.nextProbeAt();
    return {
      v: 1,
      relay,
      instance,
      gate: gateViewOf(deps.gate.state(), probeAt === undefined ? undefined : wallOffset + probeAt),
      delivered: deps.delivered(),
      ...lanesFor(question, deps.dispatcher.lanes(), { held, wallOffset }),
    };
  }

  const subscription = nc.subscribe(`${VIEW_SUBJECT}.${relayToken({ relay, instance })}`, {
    queue: QUEUE,
    callback(error: Error | null, msg: Msg) {
      if (error !== null) return;
      if (!isConsoleInbox(msg.reply) && !isOperatorInbox(msg.reply)) return deps.foreign("request");
      const question = questionOf(parseJsonWithin(msg.data, QUESTION));
      if (question !== undefined) msg.respond(JSON.stringify(view(question)));
    },
  });
  return { stop: () => subscription.unsubscribe() };
}
