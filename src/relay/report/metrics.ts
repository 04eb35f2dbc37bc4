import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { DAMAGE_CODES } from "../../shared/log/state/damage.ts";
import type { HeldReason } from "../../shared/log/state/held.ts";
import type { GateState } from "../coordinator/gate.ts";
import type { AttemptKind } from "../coordinator/verdict.ts";
import type { Ending } from "../lanes/index.ts";
import type { AttemptReport } from "../turns/attempt-report.ts";
import type { Registered } from "../registrations/index.ts";
import type { LogReading } from "./log-reading.ts";

/** What gate states are called in metrics: a reason is shown as such, so that an alert can tell an outage from a wrong address. */
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

/** What of gateways belongs to nothing of theirs. */
const FOREIGN = ["answer", "request", "frame"] as const;
type Foreign = (typeof FOREIGN)[number];

const REGISTRATIONS = [
  "known",
  "nothing_kept",
  "refused",
  "unanswered",
] as const satisfies readonly Registered["kind"][];

/** What a relay counts; names and units by Prometheus' conventions, no label without a bound. */
export function createMetrics(now: {
  waiting: () => number;
  lanes: () => number;
  wholeBytes: () => number;
  passing: () => number;
  gate: () => GateState;
  /** Events in the log that no relay has taken into its lanes yet, of this relay's shards; and those of held sessions. */
  unread: () => number;
  /** Undefined: nothing is known yet. */
  log: () => Promise<LogReading | undefined>;
  wall: () => number;
  tokenExpiresInMs: () => number | undefined;
  /** Somebody has to resume. */
  paused: () => boolean;
  heldSessions: () => Record<HeldReason, number>;
  /** Runners that leave. */
  leaving: () => number;
  linesDropped: () => number;
}): {
  /** `arrivedAt` and `at` are monotonic milliseconds; what was read back from the log did not arrive, and has no duration. */
  settled(how: Ending, arrivedAt: number, at: number): void;
  gap: (missing: number) => void;
  foreign: (what: Foreign) => void;
  registered: (result: Registered["kind"]) => void;
  text(): Promise<string>;
  contentType: string;
} & AttemptReport {
  const registry = new Registry();
  const registers = [registry];
  const settled = new Counter({
    name: "runner_relay_events_settled_total",
    help: "Events by how they ended",
    labelNames: ["how"],
    registers,
  });
  const latency = new Histogram({
    name: "runner_relay_event_settle_seconds",
    help: "From an event's arrival at the relay to its end; without those of held sessions",
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600],
    registers,
  });
  const gaps = new Counter({
    name: "runner_relay_sequence_gaps_total",
    help: "Numbers of sessions that are missing in the log",
    registers,
  });
  const foreign = new Counter({
    name: "runner_relay_foreign_total",
    help: "Dropped: answers and requests of one gateway that were to be answered to another; frames without a request (some, as requests end)",
    labelNames: ["what"],
    registers,
  });
  for (const what of FOREIGN) foreign.inc({ what }, 0);
  const registrations = new Counter({
    name: "runner_relay_runner_registrations_total",
    help: "Runners that the coordinator forgot and that were registered again, by what came of it",
    labelNames: ["result"],
    registers,
  });
  for (const result of REGISTRATIONS) registrations.inc({ result }, 0);
  const gauge = (name: string, help: string, read: () => number): void => {
    const metric: Gauge = new Gauge({
      name,
      help,
      registers,
      collect() {
        metric.set(read());
      },
    });
  };
  gauge("runner_relay_events_waiting", "Events in the lanes", now.waiting);
  gauge("runner_relay_lanes", "Sessions with a lane", now.lanes);
  gauge("runner_relay_lane_bytes", "Bytes of messages kept whole", now.wholeBytes);
  gauge(
    "runner_relay_leaving_runners",
    "Runners that are to be removed, or whose reports wait though they are gone",
    now.leaving,
  );
  gauge("runner_relay_passing_requests", "Passed-through requests under way", now.passing);
  gauge("runner_relay_coordinator_up", "1 while events are forwarded", () =>
    Number(now.gate().phase === "up"),
  );
  const state: Gauge = new Gauge({
    name: "runner_relay_coordinator_state",
    help: "1 for the state that holds: up, or why nothing is sent (docs/errors.md)",
    labelNames: ["state"],
    registers,
    collect() {
      for (const name of STATES) state.set({ state: name }, Number(name === nameOf(now.gate())));
    },
  });
  gauge(
    "runner_relay_backlog_events",
    "Events that this relay still has to settle, those unread in the log too",
    () => now.waiting() + now.unread(),
  );
  const linesDropped: Counter = new Counter({
    name: "runner_relay_log_lines_dropped_total",
    help: "Log lines that stderr did not take",
    registers,
    collect() {
      linesDropped.reset();
      linesDropped.inc(now.linesDropped());
    },
  });
  gauge("runner_relay_resident_memory_bytes", "Resident memory", () => process.memoryUsage.rss());
  const attempts = new Map<AttemptKind, number>();
  const attempted = new Counter({
    name: "runner_relay_attempts_total",
    help: "Attempts to send one event or one batch, by verdict; divided: a batch that was refused as a whole, and is sent in parts",
    labelNames: ["verdict"],
    registers,
    collect() {
      attempted.reset();
      for (const [verdict, count] of attempts) attempted.inc({ verdict }, count);
    },
  });
  const duration = new Histogram({
    name: "runner_relay_attempt_duration_seconds",
    help: "From sending a request to the coordinator's whole answer, or its failure",
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers,
  });
  const letters = new Counter({
    name: "runner_relay_events_dead_lettered_total",
    help: "Dead letters written, by whether the executor itself received the refusal",
    labelNames: ["answered"],
    registers,
  });
  for (const answered of ["true", "false"]) letters.inc({ answered }, 0);
  const fromLog = (name: string, help: string, read: (log: LogReading) => number): void => {
    const metric: Gauge = new Gauge({
      name,
      help,
      registers,
      async collect() {
        const log = await reading;
        if (log !== undefined) metric.set(read(log));
      },
    });
  };
  let reading: Promise<LogReading | undefined> = Promise.resolve(undefined);
  fromLog("runner_relay_log_events", "Events in the log, settled ones too", (log) => log.events);
  fromLog("runner_relay_log_bytes", "Size of the log", (log) => log.bytes);
  fromLog("runner_relay_log_limit_bytes", "Size at which the log refuses new events", (log) => log.maxBytes);
  fromLog("runner_relay_dead_letters", "Dead letters that are stored", (log) => log.deadLetters);
  fromLog(
    "runner_relay_oldest_unsettled_age_seconds",
    "Age of the oldest event that this relay still has to settle",
    (log) => (log.oldestAt === undefined ? 0 : Math.max(0, (now.wall() - log.oldestAt) / 1000)),
  );
  const damaged: Gauge = new Gauge({
    name: "runner_relay_missing_events",
    help: "Stored messages that were found to be gone, by what was found; until somebody ends the alarm",
    labelNames: ["code"],
    registers,
    async collect() {
      const log = await reading;
      if (log === undefined) return;
      damaged.reset();
      for (const code of DAMAGE_CODES) damaged.set({ code }, log.damaged.get(code) ?? 0);
    },
  });
  gauge("runner_relay_paused", "1 while everything waits for somebody to resume it", () =>
    now.paused() ? 1 : 0,
  );
  const held: Gauge = new Gauge({
    name: "runner_relay_held_sessions",
    help: "Sessions read from the log (backlog), or waiting for an operator (parked, paused)",
    labelNames: ["reason"],
    registers,
    collect() {
      for (const [reason, count] of Object.entries(now.heldSessions())) held.set({ reason }, count);
    },
  });
  gauge(
    "runner_relay_token_expires_seconds",
    "Until the token expires; -1 without one",
    () => (now.tokenExpiresInMs() ?? -1000) / 1000,
  );
  return {
    settled(how, arrivedAt, at) {
      settled.inc({ how });
      if (Number.isFinite(arrivedAt)) latency.observe((at - arrivedAt) / 1000);
    },
    gap: (missing) => gaps.inc(missing),
    foreign: (what) => foreign.inc({ what }),
    registered: (result) => registrations.inc({ result }),
    attempted(verdict, ms) {
      attempts.set(verdict, (attempts.get(verdict) ?? 0) + 1);
      duration.observe(ms / 1000);
    },
    deadLettered: (answered) => letters.inc({ answered: String(answered) }),
    text() {
      reading = now.log();
      return registry.metrics();
    },
    contentType: registry.contentType,
  };
}

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
