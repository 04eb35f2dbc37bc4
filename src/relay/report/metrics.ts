import type { MetricObjectWithValues, MetricValue, Registry } from "prom-client";
import { DAMAGE_CODES } from "../../shared/log/state/damage.ts";
import type { HeldReason } from "../../shared/log/state/held.ts";
import type { GateState } from "../coordinator/gate.ts";
import type { Pace } from "../lanes/index.ts";
import { instrumentsIn, type Instruments } from "../../shared/base/instruments.ts";
import type { LogReading } from "./log-reading.ts";

// counts.ts has what is counted as it happens · levels are read at each scrape · log-reading.ts asks the broker for some of them
// Names and units are Prometheus' conventions, and no label is without a bound.

/** Names of the gate's states in metrics. Each reason has its own, so that an alert can tell an outage from a wrong address. */
const STATES = [
  "up",
  "checking",
  "breaker_open",
  "wrong_address",
  "route_unknown",
  "redirected",
  "unauthorized",
  "token_unavailable",
  "mass_refusal",
  "poison_stop",
  "paused_by_operator",
] as const satisfies readonly (
  | "up"
  | "checking"
  | "breaker_open"
  | (GateState & { phase: "paused" })["reason"]
)[];

/** The relay's present state, as functions that read it. */
export type Levels = {
  waiting: () => number;
  lanes: () => number;
  wholeBytes: () => number;
  passing: () => number;
  gate: () => GateState;
  concurrency: Pace["standing"];
  /** Events of this relay's shards that it has not read into its lanes yet, and those of held sessions. */
  unread: () => number;
  /** Undefined if nothing is known yet. */
  log: () => Promise<LogReading | undefined>;
  wall: () => number;
  tokenExpiresInMs: () => number | undefined;
  /** True if an operator has to resume. */
  paused: () => boolean;
  heldSessions: () => Record<HeldReason, number>;
  /** The runners that are to be removed. */
  leaving: () => number;
};

/** A relay's counters and present state, in Prometheus' form. */
export type Metrics = {
  text(): Promise<string>;
  /** The same as prom-client's objects. */
  json(): Promise<MetricObjectWithValues<MetricValue<string>>[]>;
  contentType: string;
};

function nameOf(state: GateState): (typeof STATES)[number] {
  switch (state.phase) {
    case "up":
    case "checking":
      return state.phase;
    case "away":
      return "breaker_open";
    case "paused":
      return state.reason;
  }
}

function showLanes({ level, levels }: Instruments, now: Levels): void {
  level("runner_relay_events_waiting", "Events in the lanes", now.waiting);
  level("runner_relay_lanes", "Sessions with a lane", now.lanes);
  level("runner_relay_lane_bytes", "Bytes of messages kept whole", now.wholeBytes);
  level(
    "runner_relay_backlog_events",
    "Events that this relay still has to settle, including those that it has not read yet",
    () => now.waiting() + now.unread(),
  );
  levels(
    "runner_relay_concurrency",
    "Requests to the coordinator: under way (in_flight), as many as it has room for (allowed), as many as the settings allow (bound)",
    "requests",
    () => {
      const { inFlight, allowed, bound } = now.concurrency();
      return [
        ["in_flight", inFlight],
        ["allowed", allowed],
        ["bound", bound],
      ];
    },
  );
  levels(
    "runner_relay_held_sessions",
    "Sessions read from the log (backlog), or waiting for an operator (parked, paused)",
    "reason",
    () => Object.entries(now.heldSessions()),
  );
}

function showGate({ level, levels }: Instruments, now: Levels): void {
  level("runner_relay_coordinator_up", "1 while events are forwarded", () =>
    Number(now.gate().phase === "up"),
  );
  levels(
    "runner_relay_coordinator_state",
    "1 for the state that holds: up, or why nothing is sent (docs/errors.md)",
    "state",
    () => STATES.map((name) => [name, Number(name === nameOf(now.gate()))]),
  );
  level("runner_relay_paused", "1 while everything is paused until an operator resumes it", () =>
    Number(now.paused()),
  );
  level(
    "runner_relay_token_expires_seconds",
    "Time until the token expires; -1 without one",
    () => (now.tokenExpiresInMs() ?? -1000) / 1000,
  );
}

function showRequests({ level }: Instruments, now: Levels): void {
  level(
    "runner_relay_leaving_runners",
    "Runners that will be removed, or that are gone while one of their reports is pending",
    now.leaving,
  );
  level("runner_relay_passing_requests", "Passed-through requests under way", now.passing);
}

/** Adds what a process has once, however many relays it has. `linesDropped`: log lines that could not be written so far. */
export function showProcess(registry: Registry, linesDropped: () => number): void {
  const { level, count } = instrumentsIn(registry);
  count(
    "runner_relay_log_lines_dropped_total",
    "Log lines that were dropped because stderr could not be written",
    linesDropped,
  );
  level("runner_relay_resident_memory_bytes", "Resident memory", () => process.memoryUsage.rss());
}

/** What the broker knows of the log. It is read once for each scrape, and `reading` is the newest. */
function showLog(
  { level, levels }: Instruments,
  wall: () => number,
  reading: () => Promise<LogReading | undefined>,
): void {
  const fromLog = (name: string, help: string, read: (log: LogReading) => number): void =>
    level(name, help, async () => {
      const log = await reading();
      return log && read(log);
    });
  fromLog("runner_relay_log_events", "Events in the log, including settled ones", (log) => log.events);
  fromLog("runner_relay_log_bytes", "Size of the log", (log) => log.bytes);
  fromLog("runner_relay_log_limit_bytes", "Size at which the log refuses new events", (log) => log.maxBytes);
  fromLog("runner_relay_dead_letters", "Dead letters that are stored", (log) => log.deadLetters);
  fromLog(
    "runner_relay_oldest_unsettled_age_seconds",
    "Age of the oldest event that this relay still has to settle",
    (log) => (log.oldestAt === undefined ? 0 : Math.max(0, (wall() - log.oldestAt) / 1000)),
  );
  levels(
    "runner_relay_missing_events",
    "Stored messages that were found to be missing, by kind of damage, until an operator ends the alarm",
    "code",
    async () => {
      const log = await reading();
      return log && DAMAGE_CODES.map((code) => [code, log.damaged.get(code) ?? 0]);
    },
  );
}

/** Adds the relay's present state to its counters (counts.ts), which are in the same registry. */
export function createMetrics(registry: Registry, now: Levels): Metrics {
  const instruments = instrumentsIn(registry);
  let reading: Promise<LogReading | undefined> = Promise.resolve(undefined);
  showLanes(instruments, now);
  showGate(instruments, now);
  showRequests(instruments, now);
  showLog(instruments, now.wall, () => reading);
  return {
    text() {
      reading = now.log();
      return registry.metrics();
    },
    json() {
      reading = now.log();
      return registry.getMetricsAsJSON();
    },
    contentType: registry.contentType,
  };
}
