import type { JsonLimits } from "../base/json-scan.ts";
import { parseJsonWithin } from "../base/json-scan.ts";

/** Asked by the console on `rr.rpc.view.<relay process>`, answered by that relay. Both sides are JSON. */
export type ViewQuestion = {
  v: 1;
  /** Lanes that are wanted, at most {@link MOST_LANES}; 0 for none. */
  most: number;
  /** Only lanes whose session id contains this text, upper or lower case; idle ones too. */
  search?: string;
  /** Only the lane of this session. */
  session?: string;
};

/** Lanes in one answer. */
export const MOST_LANES = 100;

/** An answer: a hundred lanes with reasons of 4,000 characters each, escaped, and what stands around them. */
const VIEW_ANSWER: JsonLimits & { bytes: number } = { bytes: 4 * 1024 * 1024, depth: 4, values: 2000 };

/** The gate between lanes and coordinator, as a relay shows it. Times are wall clock, milliseconds since 1970. */
export type GateView =
  | { phase: "checking" }
  | { phase: "up" }
  | { phase: "away"; since: number; text: string }
  | { phase: "paused"; reason: string; since: number; text: string };

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
  /** When it failed, wall clock, milliseconds since 1970; absent if none did. */
  failedAt?: number;
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
