import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../shared/base/clock.ts";
import type { Logger } from "../shared/base/logger.ts";
import type { Tracing } from "../shared/base/tracing.ts";
import type { Credentials } from "../shared/credentials/index.ts";
import type { Coordinator } from "./coordinator/client.ts";
import type { Connections } from "./lanes/index.ts";
import type { RunnerTimes } from "./registrations/index.ts";
import type { startAdminServer } from "./report/admin-server.ts";
import type { AllowRule } from "./tunnel/index.ts";
import type { PoisonPolicy } from "./turns/burial.ts";

export type RelayOptions = {
  relay: string;
  version: string;
  coordinatorUrl: string;
  retarget: boolean;
  adminListen: string;
  /** Undefined: the usual one where it is free. */
  adminPort: number | undefined;
  /** The one that the last run had (own-port.ts). */
  keptPort?: number | undefined;
  /** It opens everything on the admin port. */
  pageToken: string;
  /** Most to the coordinator at once, of all relays of the process. */
  connections: number;
  attemptTimeoutMs: number;
  /** Until the head of an answer that is passed through; of a runner's own calls. */
  passTimeoutMs: number;
  runnerTimeoutMs: number;
  exhaustAfterMs: number;
  /** How long a stop waits for what is on its way. */
  drainMs: number;
  poisonPolicy: PoisonPolicy;
  /** The coordinator's batch endpoint, `{session_id}` in its path, and the most events of one batch. */
  batch: { path: string; max: number } | undefined;
  /** Answer a runner's polls and heartbeats in an outage. */
  shield: boolean;
  /** Paths that may be passed through; undefined: all. */
  allow: readonly AllowRule[] | undefined;
  /** Of runners that are gone or leave; default as in `registrations/`. */
  runnerTimes?: RunnerTimes;
  /** More waiting events of one session than this are read from the log; default as in `lanes/`. */
  holdAbove?: number;
};

export type RelayDeps = {
  nc: NatsConnection;
  clock: Clock;
  random: () => number;
  log: Logger;
  coordinator: Coordinator;
  credentials: Credentials;
  /** Opens the admin port. Given, because a simulation has no sockets. */
  openAdmin: typeof startAdminServer;
  /** Undefined: nothing is traced. */
  tracing?: Tracing | undefined;
  /** Log lines that could not be written so far. Undefined: the process has several relays, and tells of itself elsewhere. */
  linesDropped?: (() => number) | undefined;
  /** Ends the process with a failure that a restart cannot heal by itself. */
  fatal: (error: Error) => void;
  /** What this relay has in a process with several. Undefined: all that a process may have. */
  part?: RelayPart | undefined;
};

/** The part of a process that one of its relays has. */
export type RelayPart = {
  connections: Connections;
  /** Most bytes of messages that are kept whole. */
  mostWholeBytes: () => number;
  /** Aborted when the relay is given up from one moment to the next, as if its process were killed. */
  gone: AbortSignal;
};
