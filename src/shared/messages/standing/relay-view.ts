import type { JsonLimits } from "../../base/json-scan.ts";
import { parseJsonWithin } from "../../base/json-scan.ts";
import type { Place, Sort } from "./session-order.ts";

/** Asked by the console and by operators on `rr.rpc.view.<relay process>`, answered by that relay. Both sides are JSON. */
export type ViewQuestion = {
  v: 1;
  /** Lanes that are wanted, at most {@link MOST_LANES}; 0 for none. */
  most: number;
  /** Only lanes whose session id contains this text, upper or lower case; idle ones too. */
  search?: string;
  /** Only the lane of this session. */
  session?: string;
  /** Default: `urgency`. */
  sort?: Sort;
  /** Only lanes that come after this place. */
  after?: Place;
};

/** Most lanes in one answer. */
export const MOST_LANES = 1000;
/** Most bytes of the lanes in one answer: a message of NATS holds 1 MiB by default. What does not fit counts as `more`. */
export const MOST_LANES_BYTES: number = 512 * 1024;

/** An answer: a thousand lanes of ten values, and what stands around them. Relays of before 0.2 sent up to 4 MiB. */
const VIEW_ANSWER: JsonLimits & { bytes: number } = { bytes: 4 * 1024 * 1024, depth: 4, values: 12_000 };

/** The gate between lanes and coordinator, as a relay shows it. Times are wall clock, milliseconds since 1970. `nextAt`: when the coordinator is asked next. */
export type GateView =
  | { phase: "checking" }
  | { phase: "up" }
  | { phase: "away"; since: number; text: string; nextAt?: number }
  | { phase: "paused"; reason: string; since: number; text: string; nextAt?: number };

/** What a lane does now. */
export type LanePhase = "idle" | "ready" | "sending" | "backoff" | "halted";

/** A lane, as a relay shows it. */
export type LaneView = {
  session: string;
  shard: number;
  phase: LanePhase;
  /** Events that wait in the lane, those on their way included. */
  events: number;
  /** Attempts of its first event that failed. */
  attempts: number;
  /** Why the last attempt failed; empty if none did. */
  reason: string;
  /** When the first of these attempts failed, wall clock, milliseconds since 1970; absent if none did. */
  failingSince?: number;
  /** When the last one failed. */
  failedAt?: number;
  /** When the next one comes; absent if that depends on something else: a connection, an operator, the gate. */
  nextAt?: number;
  /** The coordinator asked for the wait until then, so the end of an outage does not shorten it. */
  asked?: true;
};

/** What a relay shows of itself. */
export type RelayView = {
  v: 1;
  relay: string;
  /** Of the process, as in its state. */
  instance: string;
  gate: GateView;
  /** Events that it delivered since its start. */
  delivered: number;
  /** Those that need attention come first. */
  lanes: LaneView[];
  /** Further lanes that match. Those of held sessions are not counted: the broker names them. */
  more: number;
};

/** Undefined for anything that is not an answer of a version we know. */
export function decodeView(data: Uint8Array): RelayView | undefined {
  const value = parseJsonWithin(data, VIEW_ANSWER);
  if (typeof value !== "object" || value === null || !("v" in value) || value.v !== 1) return undefined;
  const it = value as RelayView;
  const whole =
    typeof it.relay === "string" &&
    typeof it.instance === "string" &&
    typeof it.delivered === "number" &&
    typeof it.more === "number" &&
    ["checking", "up", "away", "paused"].includes(it.gate?.phase) &&
    Array.isArray(it.lanes) &&
    it.lanes.every(isLane);
  return whole ? it : undefined;
}

const PHASES: readonly string[] = ["idle", "ready", "sending", "backoff", "halted"] satisfies LanePhase[];

function isLane(value: unknown): boolean {
  const { session, shard, phase, events, attempts, reason } = (value ?? {}) as Partial<LaneView>;
  return (
    typeof session === "string" &&
    typeof shard === "number" &&
    PHASES.includes(phase ?? "") &&
    typeof events === "number" &&
    typeof attempts === "number" &&
    typeof reason === "string"
  );
}
