import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { HeldReason } from "../../shared/held.ts";
import type { Settlement } from "../lanes/turn.ts";

/** What a relay counts; names and units by Prometheus' conventions, no label without a bound. */
export function createMetrics(now: {
  waiting: () => number;
  lanes: () => number;
  wholeBytes: () => number;
  passing: () => number;
  coordinatorUp: () => boolean;
  tokenExpiresInMs: () => number | undefined;
  /** Somebody has to resume. */
  paused: () => boolean;
  heldSessions: () => Record<HeldReason, number>;
}): {
  /** `arrivedAt` and `at` are monotonic milliseconds; what was read back from the log did not arrive, and has no duration. */
  settled(how: Settlement, arrivedAt: number, at: number): void;
  gap: (missing: number) => void;
  text(): Promise<string>;
  contentType: string;
} {
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
  gauge("runner_relay_passing_requests", "Passed-through requests under way", now.passing);
  gauge("runner_relay_coordinator_up", "1 while events are forwarded", () => (now.coordinatorUp() ? 1 : 0));
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
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
