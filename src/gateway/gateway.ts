import type { NatsConnection } from "@nats-io/transport-node";
import type { Clock } from "../shared/base/clock.ts";
import type { Logger } from "../shared/base/logger.ts";
import { rest } from "../shared/base/rest.ts";
import type { Tracing } from "../shared/base/tracing.ts";
import { BODY_MS } from "../shared/http/body.ts";
import { createBudget, HELD_BYTES, type BodyBudget } from "../shared/http/budget.ts";
import type { ServerTimes } from "../shared/http/server.ts";
import type { Durability } from "../shared/log/durability/durability.ts";
import { bodyLimit } from "../shared/log/schema/topology.ts";
import { createEntrance, type Entrance, type EntranceOptions } from "./entrance.ts";
import { hearRelays } from "./hearing.ts";
import { createNames, type Names } from "./names.ts";
import { createPassing, type Passing } from "./passing.ts";
import type { KeptPort } from "./port.ts";
import { createCommitMeter, type CommitMeter } from "./report/commit-meter.ts";
import { createCounts, type Counts } from "./report/counts.ts";
import { createMetrics } from "./report/metrics.ts";
import { createOwnRoutes } from "./report/own.ts";
import type { KeptShield, KeptRunners, KeptRuns } from "./runner/index.ts";
import { createServing } from "./serving.ts";
import { createStoring, type Storing } from "./storing.ts";
import { createAddresses } from "./writes/addresses.ts";
import { createBacklogLimits, type BacklogLimits } from "./writes/backlog-limits.ts";
import { keyedIds } from "./writes/identity.ts";
import { createJudge } from "./writes/judge.ts";
import { createRelays, type Relays } from "./writes/relays.ts";
import { createRepeats } from "./writes/repeats.ts";
import { createWaiting, type Waiting } from "./writes/waiting.ts";
import { createWrites } from "./writes/writes.ts";

// entrance.ts takes port and socket · ../shared/http is HTTP, its limits and who may ask · serving.ts decides who serves a request, route/ finds its route ·
// writes/ serves the writes, storing.ts puts them into the log · hearing.ts takes what relays say · passing.ts puts the rest together: runner/ keeps a runner
// alive where broker or relay fail, and knows the runners, tunnel/ passes everything else on · report/ serves /_relay/… · names.ts names the process ·
// port.ts keeps the port · socket.ts is a Unix socket beside it · service.ts puts the gateway behind the entrance · main.ts is the process
// This file only puts them together, first the parts that need no others, and takes them apart in the opposite order.

/** How long a stop waits for connections after the last answer, to take what was written and to end. */
const LINGER_MS = 500;

export type GatewayOptions = EntranceOptions & {
  /** Name of this gateway at the broker. */
  gateway: string;
  /** Name of the runner in subjects; by default hostname and profile. */
  runner: string | undefined;
  hostname: string;
  profile: string;
  answerWaitMs: number;
  /** How long a stop waits for passed-through requests that work. */
  drainMs: number;
  maxBodyBytes: number;
  sessionMaxEvents: number;
  sessionMaxBytes: number;
};

export type GatewayDeps = {
  options: GatewayOptions;
  /** A connection as the gateway's user. The caller closes it, after {@link Gateway.close}. */
  connection: NatsConnection;
  /** Partitions of the log. */
  shardCount: number;
  keptPort: KeptPort;
  /** An entrance that was taken already. By default {@link Gateway.listen} takes one. */
  entrance?: Entrance;
  keptRuns: KeptRuns;
  keptRunners: KeptRunners;
  keptShield: KeptShield;
  /** The secret behind the ids of events with an `Idempotency-Key`: see `key-secret.ts`. */
  keySecret: string;
  durability: () => Durability;
  version: string;
  /** Undefined: nothing is traced. */
  tracing?: Tracing | undefined;
  clock: Clock;
  logger: Logger;
  /** How many log lines could not be written so far. */
  linesDropped: () => number;
  times?: ServerTimes & { bodyMs: number };
};

export type Gateway = {
  /** Starts to serve. Throws `port_taken` or `listen_refused`. */
  listen(): Promise<void>;
  /** Set after {@link listen}. */
  url(): string;
  /**
   * Stops accepting, finishes commits, and ends. Writes that are stored are answered at once. Passed-through requests that do work get the drain time, and
   * those that last until something happens get none.
   */
  close(): Promise<void>;
};

/** What several parts share. */
type Shared = {
  names: Names;
  counts: Counts;
  commits: CommitMeter;
  relays: Relays;
  waiting: Waiting;
  backlog: BacklogLimits;
  budget: BodyBudget;
  bodyMs: number;
};

/** Puts a gateway together. */
export function createGateway(deps: GatewayDeps): Gateway {
  const { options, connection, durability, tracing, clock, logger } = deps;
  const entrance =
    deps.entrance ?? createEntrance({ options, keptPort: deps.keptPort, clock, times: deps.times });
  /** What lives until the last answer is out. */
  const scope = new DisposableStack();
  scope.defer(() => entrance.destroy());
  let stopping = false;

  const shared = createShared(deps);
  const { names, counts, waiting } = shared;
  const storing = createStoring({ ...shared, connection, durability, clock, logger });
  scope.defer(() => storing.log.close());
  const kept = { runs: deps.keptRuns, runners: deps.keptRunners, shield: deps.keptShield };
  const { up } = storing.log;
  const passing = createPassing({ ...shared, connection, options, kept, up, tracing, clock, logger });
  const { tunnel, shield } = passing;
  const listeners = [tunnel, shield];
  const { gateway } = options;
  scope.use(hearRelays({ ...shared, ...names, gateway, connection, listeners, clock, logger }));
  const served = createServing({
    listen: options.listen,
    token: options.inboundToken,
    stopping: () => stopping,
    write: writesOf(deps, shared, storing, passing),
    own: ownRoutesOf(deps, shared, storing, passing, () => stopping),
    shield,
    tunnel,
    passages: passing.passages,
    counts,
    logger,
  });

  return {
    async listen() {
      await entrance.listen();
      // The subscriptions must be in place before the first event: its answer could come before them.
      await connection.flush();
      entrance.open({ ...served, onDropped: () => counts.refused("gateway_busy") });
    },
    url: () => entrance.url(),
    async close() {
      stopping = true;
      shield.stop();
      const closed = entrance.close();
      const enough = rest(clock, options.drainMs);
      waiting.close();
      tunnel.leave();
      await storing.committer.idle();
      await Promise.race([tunnel.idle(), enough]);
      tunnel.close();
      // every answer is out or was broken off; a connection that is still open after that is ended below
      await Promise.race([closed, rest(clock, Math.min(LINGER_MS, options.drainMs))]);
      scope.dispose();
    },
  };
}

function createShared({ options, shardCount, times, clock, logger }: GatewayDeps): Shared {
  return {
    names: createNames(options),
    counts: createCounts(),
    commits: createCommitMeter(),
    relays: createRelays(),
    waiting: createWaiting(clock),
    backlog: createBacklogLimits({
      shardCount,
      maxEvents: options.sessionMaxEvents,
      maxBytes: options.sessionMaxBytes,
      onHalf: (session, amount) =>
        logger.warn({ session, ...amount }, "session at half of its backlog limit"),
    }),
    budget: createBudget(HELD_BYTES, clock),
    bodyMs: times?.bodyMs ?? BODY_MS,
  };
}

function writesOf(
  { options, connection, shardCount, keySecret, durability, tracing, clock, logger }: GatewayDeps,
  shared: Shared,
  { committer }: Storing,
  { runs, findRun }: Passing,
): ReturnType<typeof createWrites> {
  const { newToken, runner, answerPrefix } = shared.names;
  return createWrites({
    ...shared,
    runs,
    findRun,
    judge: createJudge({ hostname: options.hostname, profile: options.profile }),
    addressOf: createAddresses(runner, shardCount),
    newId: newToken,
    keyedId: keyedIds(keySecret),
    answerWaitMs: options.answerWaitMs,
    bodyLimit: () => Math.min(options.maxBodyBytes, bodyLimit(connection.info?.max_payload ?? Infinity)),
    durability,
    answerSubject: (id) => answerPrefix + id,
    committer,
    repeats: createRepeats(),
    tracing,
    clock,
    logger,
  });
}

function ownRoutesOf(
  { options, connection, version, durability, linesDropped, clock }: GatewayDeps,
  { counts, commits, relays, waiting, backlog }: Shared,
  { log, committer, acceptance }: Storing,
  { tunnel, shield, runners, passed }: Passing,
  stopping: () => boolean,
): ReturnType<typeof createOwnRoutes> {
  const metrics = createMetrics(counts, commits, {
    waiting: () => waiting.size,
    queued: () => committer.waiting,
    passing: () => tunnel.size,
    passed,
    durable: () => durability() === "fsync",
    logUp: log.up,
    linesDropped,
    mismatches: () => runners.mismatches().length,
  });
  return createOwnRoutes({
    connection,
    version,
    gateway: options.gateway,
    logUp: log.up,
    refusal: () => acceptance.refusal(),
    durability,
    stopping,
    relays,
    backlog,
    mismatches: () => runners.mismatches(),
    leaving: () => shield.leaving(),
    metrics,
    clock,
  });
}
