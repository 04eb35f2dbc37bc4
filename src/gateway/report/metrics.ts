import { Registry } from "prom-client";
import { ERRORS } from "../../shared/base/errors.ts";
import type { CommitMeter } from "./commit-meter.ts";
import type { Counts } from "./counts.ts";
import { instrumentsIn, type Instruments } from "../../shared/base/instruments.ts";

export type Metrics = {
  /** Prometheus text. */
  render(): Promise<string>;
  contentType: string;
};

type Levels = {
  waiting: () => number;
  queued: () => number;
  passing: () => number;
  /** Number of passed-through requests so far. */
  passed: () => number;
  /** True if it was verified that every write is synced (HONEST-1). */
  durable: () => boolean;
  logUp: () => boolean;
  linesDropped: () => number;
  /** Runners that registered a different hostname or profile than this gateway writes. */
  mismatches: () => number;
};

/** The gateway's metrics. Labels take their values from fixed lists only. */
export function createMetrics(counts: Counts, commits: CommitMeter, levels: Levels): Metrics {
  const registry = new Registry();
  const instruments = instrumentsIn(registry);
  showCounts(instruments, counts);
  showLevels(instruments, levels);
  commits.showIn(registry);
  return { render: () => registry.metrics(), contentType: registry.contentType };
}

function showCounts({ count, counts }: Instruments, soFar: Counts): void {
  count("runner_relay_gateway_writes_accepted_total", "Writes stored in the log", () => soFar.accepted);
  counts("runner_relay_gateway_answers_total", "Answers to executors, by kind", "kind", () => [
    ["accepted", soFar.answeredAccepted],
    ["coordinator", soFar.answeredByCoordinator],
  ]);
  counts(
    "runner_relay_gateway_not_waited_total",
    "Writes answered without waiting for the coordinator, by reason",
    "reason",
    () => Object.entries(soFar.notWaited),
  );
  counts(
    "runner_relay_gateway_shielded_total",
    "Answers that the gateway gave a runner on behalf of the coordinator; run and stop are those that broken polls had claimed",
    "answer",
    () => Object.entries(soFar.shielded),
  );
  counts("runner_relay_gateway_refused_total", "Requests refused, by code", "code", () =>
    [...soFar.refusals].filter(([code]) => code in ERRORS),
  );
  count(
    "runner_relay_gateway_clients_gone_total",
    "Answers that came after the executor had stopped waiting",
    () => soFar.clientGone,
  );
}

function showLevels({ count, level }: Instruments, levels: Levels): void {
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
    "Log lines that were dropped because stderr could not be written",
    levels.linesDropped,
  );
  level(
    "runner_relay_gateway_runner_mismatches",
    "Runners that registered another hostname or profile than this gateway writes",
    levels.mismatches,
  );
  level("runner_relay_gateway_resident_memory_bytes", "Resident memory", () => process.memoryUsage.rss());
}
