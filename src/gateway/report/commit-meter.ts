import { Histogram, type Registry } from "prom-client";
import type { CommitReport } from "../../shared/log/append/trying.ts";

/** Measures commits: how many writes they store, and how long the broker takes. */
export type CommitMeter = {
  took(report: CommitReport): void;
  /** Shows what is measured among these metrics. */
  showIn(registry: Registry): void;
};

export function createCommitMeter(): CommitMeter {
  const size = new Histogram<"mode">({
    name: "runner_relay_gateway_commit_writes",
    help: "Writes per commit",
    labelNames: ["mode"],
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000],
    registers: [],
  });
  const duration = new Histogram<"mode">({
    name: "runner_relay_gateway_commit_duration_seconds",
    help: "Time from the publish to the broker's answer",
    labelNames: ["mode"],
    buckets: [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 3],
    registers: [],
  });
  return {
    took({ mode, count, ms }) {
      size.labels(mode).observe(count);
      duration.labels(mode).observe(ms / 1000);
    },
    showIn(registry) {
      registry.registerMetric(size);
      registry.registerMetric(duration);
    },
  };
}
