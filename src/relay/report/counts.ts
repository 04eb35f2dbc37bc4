import { Counter, Histogram, type Registry } from "prom-client";
import type { AttemptKind } from "../coordinator/verdict.ts";
import type { Ending } from "../lanes/index.ts";
import type { Registered } from "../registrations/index.ts";
import type { AttemptReport } from "../turns/attempt-report.ts";
import { instrumentsIn } from "../../shared/base/instruments.ts";

/** Names for stray messages of gateways in metrics. */
const FOREIGN = ["answer", "request", "frame"] as const;
type Foreign = (typeof FOREIGN)[number];

const REGISTRATIONS = [
  "known",
  "nothing_kept",
  "refused",
  "unanswered",
] as const satisfies readonly Registered["kind"][];

/** Counters that are incremented as things happen. */
export type Counts = AttemptReport & {
  /** `arrivedAt` and `at` are monotonic milliseconds. Events that were read back from the log have no arrival, and so no duration. */
  settled(how: Ending, arrivedAt: number, at: number): void;
  /** Events that were delivered so far. */
  delivered: () => number;
  gap: (missing: number) => void;
  foreign: (what: Foreign) => void;
  registered: (result: Registered["kind"]) => void;
};

function countEvents(registry: Registry): Pick<Counts, "settled" | "delivered" | "gap" | "deadLettered"> {
  const registers = [registry];
  const settled = new Counter({
    name: "runner_relay_events_settled_total",
    help: "Events by how they ended",
    labelNames: ["how"],
    registers,
  });
  const latency = new Histogram({
    name: "runner_relay_event_settle_seconds",
    help: "Time from an event's arrival at the relay until it is settled; without those of held sessions",
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600],
    registers,
  });
  const gaps = new Counter({
    name: "runner_relay_sequence_gaps_total",
    help: "Sequence numbers of sessions that are missing in the log",
    registers,
  });
  const letters = new Counter({
    name: "runner_relay_events_dead_lettered_total",
    help: "Dead letters written, by whether the executor itself received the refusal",
    labelNames: ["answered"],
    registers,
  });
  for (const answered of ["true", "false"]) letters.inc({ answered }, 0);
  let delivered = 0;
  return {
    delivered: () => delivered,
    settled(how, arrivedAt, at) {
      settled.inc({ how });
      if (how === "delivered") delivered++;
      if (Number.isFinite(arrivedAt)) latency.observe((at - arrivedAt) / 1000);
    },
    gap: (missing) => gaps.inc(missing),
    deadLettered: (answered) => letters.inc({ answered: String(answered) }),
  };
}

function countAttempts(registry: Registry): Pick<Counts, "attempted"> {
  const attempts = new Map<AttemptKind, number>();
  instrumentsIn(registry).counts(
    "runner_relay_attempts_total",
    "Attempts to send one event or one batch, by verdict; divided: a batch that was refused as a whole, and is sent in parts",
    "verdict",
    () => attempts,
  );
  const duration = new Histogram({
    name: "runner_relay_attempt_duration_seconds",
    help: "Time from sending a request until the coordinator's answer is complete or has failed",
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [registry],
  });
  return {
    attempted(verdict, ms) {
      attempts.set(verdict, (attempts.get(verdict) ?? 0) + 1);
      duration.observe(ms / 1000);
    },
  };
}

function countOthers(registry: Registry): Pick<Counts, "foreign" | "registered"> {
  const registers = [registry];
  const foreign = new Counter({
    name: "runner_relay_foreign_total",
    help: "Dropped messages: those whose answer would go to a different gateway, and frames without a request (a few are normal when requests end)",
    labelNames: ["what"],
    registers,
  });
  for (const what of FOREIGN) foreign.inc({ what }, 0);
  const registrations = new Counter({
    name: "runner_relay_runner_registrations_total",
    help: "Runners that the coordinator forgot and that were registered again, by result",
    labelNames: ["result"],
    registers,
  });
  for (const result of REGISTRATIONS) registrations.inc({ result }, 0);
  return {
    foreign: (what) => foreign.inc({ what }),
    registered: (result) => registrations.inc({ result }),
  };
}

export function createCounts(registry: Registry): Counts {
  return { ...countEvents(registry), ...countAttempts(registry), ...countOthers(registry) };
}
