import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { ERRORS, type HttpErrorCode } from "../../shared/base/errors.ts";
import type { CommitReport } from "../../shared/log/append/trying.ts";
import type { WriteCounts } from "../writes/write-counts.ts";
import type { Shielded } from "../runner/index.ts";

/** What the hot path counts: plain numbers, read when somebody asks for the metrics. */
type Counts = WriteCounts & { shielded: Record<Shielded, number> };

export type Metrics = {
  counts: Counts;
  commit: (report: CommitReport) => void;
  /** Prometheus text. */
  render(): Promise<string>;
  contentType: string;
};

/** The gateway's metrics. Labels take their values from fixed lists only. */
export function createMetrics(levels: {
  waiting: () => number;
  queued: () => number;
  passing: () => number;
  /** Passed-through requests so far. */
  passed: () => number;
  /** Whether it is known that every write is synced (HONEST-1). */
  durable: () => boolean;
  logUp: () => boolean;
  linesDropped: () => number;
  /** Runners that registered something else than this gateway writes. */
  mismatches: () => number;
}): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const refusals = new Map<HttpErrorCode, number>();
  const counts: Counts = {
    accepted: 0,
    answeredAccepted: 0,
    answeredByCoordinator: 0,
    clientGone: 0,
    notWaited: { no_relay: 0, coordinator_away: 0, coordinator_paused: 0, backlog: 0 },
    shielded: { poll: 0, heartbeat: 0, register: 0, leave: 0, run: 0, stop: 0 },
    refused: (code) => refusals.set(code, (refusals.get(code) ?? 0) + 1),
  };

  const count = (name: string, help: string, read: () => number): void => {
    registry.registerMetric(
      new Counter({
        name,
        help,
        registers: [],
        collect() {
          this.reset();
          this.inc(read());
        },
      }),
    );
  };
  const countBy = (
    name: string,
    help: string,
    label: string,
    read: () => Iterable<[string, number]>,
  ): void => {
    registry.registerMetric(
      new Counter({
        name,
        help,
        labelNames: [label],
        registers: [],
        collect() {
          this.reset();
          for (const [value, n] of read()) this.labels(value).inc(n);
        },
      }),
    );
  };
  const level = (name: string, help: string, read: () => number): void => {
    registry.registerMetric(
      new Gauge({
        name,
        help,
        registers: [],
        collect() {
          this.set(read());
        },
      }),
    );
  };

  count("runner_relay_gateway_writes_accepted_total", "Writes stored in the log", () => counts.accepted);
  countBy("runner_relay_gateway_answers_total", "Answers to executors, by kind", "kind", () => [
    ["accepted", counts.answeredAccepted],
    ["coordinator", counts.answeredByCoordinator],
  ]);
  countBy(
    "runner_relay_gateway_not_waited_total",
    "Writes answered without waiting for the coordinator, by reason",
    "reason",
    () => Object.entries(counts.notWaited),
  );
  countBy(
    "runner_relay_gateway_shielded_total",
    "Answers to a runner that the gateway gave for the coordinator; run and stop are what broken polls had taken",
    "answer",
    () => Object.entries(counts.shielded),
  );
  countBy("runner_relay_gateway_refused_total", "Requests refused, by code", "code", () =>
    [...refusals].filter(([code]) => code in ERRORS),
  );
  count(
    "runner_relay_gateway_clients_gone_total",
    "Answers that nobody waited for any more",
    () => counts.clientGone,
  );
  level(
    "runner_relay_gateway_waiting_requests",
    "Requests that wait for the coordinator's answer",
    levels.waiting,
  );
  level("runner_relay_gateway_passing_requests", "Passed-through requests under way", levels.passing);
  level("runner_relay_gateway_queued_writes", "Writes on their way into the log", levels.queued);
  count("runner_relay_gateway_passed_requests_total", "Requests passed through", levels.passed);
  level("runner_relay_gateway_log_up", "1 while the gateway is connected to the broker", () =>
    Number(levels.logUp()),
  );
  level("runner_relay_gateway_durable", "1 while it is known that the broker syncs every write", () =>
    Number(levels.durable()),
  );
  count(
    "runner_relay_gateway_log_lines_dropped_total",
    "Log lines that stderr did not take",
    levels.linesDropped,
  );
  level(
    "runner_relay_gateway_runner_mismatches",
    "Runners that registered another hostname or profile than this gateway writes",
    levels.mismatches,
  );
  level("runner_relay_gateway_resident_memory_bytes", "Resident memory", () => process.memoryUsage.rss());

  const size = new Histogram<"mode">({
    name: "runner_relay_gateway_commit_writes",
    help: "Writes per commit",
    labelNames: ["mode"],
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000],
    registers,
  });
  const duration = new Histogram<"mode">({
    name: "runner_relay_gateway_commit_duration_seconds",
    help: "Time from the publish to the broker's answer",
    labelNames: ["mode"],
    buckets: [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 3],
    registers,
  });

  return {
    counts,
    commit({ mode, count: writes, ms }) {
      size.labels(mode).observe(writes);
      duration.labels(mode).observe(ms / 1000);
    },
    render: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
