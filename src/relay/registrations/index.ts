import type { JetStreamManager } from "@nats-io/jetstream";
import type { KV } from "@nats-io/kv";
import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../shared/base/clock.ts";
import type { Logger } from "../../shared/base/logger.ts";
import type { Credentials } from "../../shared/credentials/index.ts";
import type { Coordinator } from "../coordinator/client.ts";
import type { Settlement } from "../lanes/index.ts";
import { createHomecoming, type Homecoming, type Unregistered } from "./homecoming.ts";
import { createLeaving, LEAVING_LOOK_MS, type Leaving } from "./leaving.ts";
import { LEAVING_TIMES, type LeavingTimes } from "./next-step.ts";
import { createRegistrations, type Registered, type Registrations } from "./registrations.ts";
import { createReports, type Reports } from "./reports.ts";

// registrations.ts registers runners again that the coordinator forgot · homecoming.ts does so for a report that was refused, or says why it cannot ·
// leaving.ts removes runners (next-step.ts decides when) · reports.ts asks the log which reports of a runner wait · runner-id.ts reads a report's runner
// Reports and removals are apart, because a report must not wait until a removal is decided, and a removal must wait for reports that another relay sends. They
// meet in the state bucket only, which every relay reads, so that any relay can finish what another one began.

export { LEAVING_LOOK_MS };
export type { Leaving, Registered, Registrations, Reports };

/** What a relay knows about runners, and what it does for those that are gone (ADR 0023). */
export type Runners = {
  registrations: Registrations;
  leaving: Leaving;
  reports: Reports;
  /** Decides about a report whose runner the coordinator does not know. */
  homecoming: (report: Unregistered) => Promise<Homecoming>;
};

/** Limits, milliseconds; defaults are {@link LEAVING_TIMES} and `HOME_WITHIN_MS`. */
export type RunnerTimes = Partial<LeavingTimes & { homeWithinMs: number }>;

export function createRunners(deps: {
  nc: NatsConnection;
  jsm: JetStreamManager;
  /** Shards of the log. */
  shardCount: number;
  kv: KV;
  clock: Clock;
  log: Logger;
  coordinator: Coordinator;
  credentials: Credentials;
  settlement: Settlement;
  /** True while the coordinator is there and events are sent. */
  up: () => boolean;
  /** Counts registrations by their result. */
  registered: (how: Registered["kind"]) => void;
  times: RunnerTimes | undefined;
}): Runners {
  const { homeWithinMs, ...times } = deps.times ?? {};
  const reports = createReports(deps);
  const registrations = createRegistrations(deps);
  const leaving = createLeaving({ ...deps, reports, times: { ...LEAVING_TIMES, ...times } });
  const within = homeWithinMs === undefined ? {} : { withinMs: homeWithinMs };
  return {
    reports,
    registrations,
    leaving,
    homecoming: createHomecoming({ registrations, leaving, log: deps.log, ...within }),
  };
}
