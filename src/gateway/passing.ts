import type { NatsConnection } from "@nats-io/transport-node";
import type { Clock } from "../shared/base/clock.ts";
import type { Logger } from "../shared/base/logger.ts";
import type { Tracing } from "../shared/base/tracing.ts";
import type { BodyBudget } from "../shared/http/budget.ts";
import type { Opening } from "../shared/messages/tunnel/opening.ts";
import type { Names } from "./names.ts";
import type { Counts } from "./report/counts.ts";
import { createPassages } from "./route/passage.ts";
import {
  createKnownRunners,
  createRuns,
  createShield,
  findRun,
  readCall,
  type FoundSession,
  type KeptRunners,
  type KeptRuns,
  type KeptShield,
  type KnownRunners,
  type Runs,
  type Shield,
} from "./runner/index.ts";
import { refusing } from "./refusing.ts";
import type { Registering } from "./tunnel/registering.ts";
import { createTunnel, MAX_LEARNT_BYTES, type Tunnel } from "./tunnel/tunnel.ts";

/** How long a question to the coordinator about a run may take: the runner that reports on it gives up at 35 s. */
const ASK_MS = 25_000;

/** Everything that is no durable write: the tunnel, and the shield of the runner's own calls in front of it. */
export type Passing = {
  tunnel: Tunnel;
  shield: Shield;
  passages: ReturnType<typeof createPassages>;
  /** Requests that were passed through so far. */
  passed: () => number;
  runners: KnownRunners;
  runs: Runs;
  findRun: (run: string) => Promise<FoundSession>;
};

export function createPassing(deps: {
  connection: NatsConnection;
  options: { gateway: string; hostname: string; profile: string };
  names: Names;
  kept: { runs: KeptRuns; runners: KeptRunners; shield: KeptShield };
  /** Is the connection to the broker up? */
  up: () => boolean;
  /** How long a body may take to arrive, milliseconds. */
  bodyMs: number;
  budget: BodyBudget;
  counts: Counts;
  tracing: Tracing | undefined;
  clock: Clock;
  logger: Logger;
}): Passing {
  const { connection, options, names, kept, budget, bodyMs, counts, clock, logger } = deps;
  const { nonce } = names;
  const refuse = refusing(counts);
  const runs = createRuns(kept.runs);
  const written = { hostname: options.hostname, profile: options.profile };
  const runners = createKnownRunners({ written, kept: kept.runners, clock, logger });
  const common = {
    readCall: (asked: Pick<Opening, "method" | "target" | "body">): Registering | undefined =>
      readCall(runners, asked),
    refuse,
    budget,
    bodyMs,
    clock,
    logger,
  };
  const tunnel = createTunnel({
    ...common,
    connection,
    gateway: options.gateway,
    inbox: names.tunnelInbox,
    nonce,
    up: deps.up,
    learn: (body) => runs.learn(body),
  });
  const shield = createShield({
    ...common,
    tunnel,
    runs,
    kept: kept.shield,
    count: (what) => counts.shielded[what]++,
  });
  let passed = 0;
  const newId = (): string => `${nonce}-r${(passed++).toString(36)}`;
  const limits = { limitMs: ASK_MS, bytes: MAX_LEARNT_BYTES };
  return {
    tunnel,
    shield,
    passages: createPassages({ tracing: deps.tracing, newId, clock, logger }),
    passed: () => passed,
    runners,
    runs,
    findRun: (run) =>
      findRun(run, runs, (id) => tunnel.ask("GET", `/runs/${encodeURIComponent(id)}`, limits)),
  };
}
