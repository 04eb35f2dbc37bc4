import { randomUUID } from "node:crypto";
import { jetstreamManager, JetStreamApiError } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import type { Agents } from "../agents/named.ts";
import type { Clock } from "../shared/base/clock.ts";
import { codedError } from "../shared/base/errors.ts";
import type { Logger } from "../shared/base/logger.ts";
import type { Tracing } from "../shared/base/tracing.ts";
import { followConnection } from "../shared/log/connection.ts";
import { WORKER_INBOX } from "../shared/log/schema/subjects.ts";
import { openHub } from "../shared/session-log/follow/hub.ts";
import { createLeader } from "../shared/session-log/follow/leader.ts";
import { createPages } from "../shared/session-log/follow/pages.ts";
import { SESSION_STATE } from "../shared/session-log/follow/stored-event.ts";
import { SESSIONS_STREAM } from "../shared/session-log/topology.ts";
import { guardKeeper } from "../guard/guard.ts";
import { openPidFiles } from "../guard/pid-files.ts";
import { agentEnvironment } from "./environment.ts";
import { askCallers } from "./ask-callers.ts";
import { openCredentials, type CredentialOptions } from "./open-credentials.ts";
import { createPlaces } from "./roots/places.ts";
import type { Root } from "./roots/root.ts";
import { startWorker } from "./worker.ts";

// roots/ has the folders, guard/ ends what agents left running · open-credentials.ts removes what they left of credentials, ask-callers.ts asks for the tokens of callers · worker.ts takes sessions, owner.ts owns one of them

export type WorkerProcessOptions = {
  name: string;
  agents: Agents;
  roots: readonly Root[];
  /** The roots are on a file system that other machines have as well. */
  shared: boolean;
  /** Most bytes of a session. */
  maxBytes: number;
  /** Longest turn. */
  maxTurnMs: number;
  /** Most memory of an agent's program with all that it starts, bytes. */
  mostMemory: number;
  /** Folder in which it is remembered which programs of agents run. */
  pidFolder: string;
  /** Of turns. Undefined: their files are not looked after either. */
  credentials?: CredentialOptions;
  /** Variables of this process, of which agents get some. */
  env: Readonly<Record<string, string | undefined>>;
};

export type WorkerProcessDeps = {
  nc: NatsConnection;
  clock: Clock;
  log: Logger;
  /** Undefined where traces are off. */
  tracing?: Tracing | undefined;
  fatal: (error: Error) => void;
};

/** Starts a worker on its connection. Throws `sessions_unavailable` where the broker has no log of sessions. */
export async function startWorkerProcess(
  options: WorkerProcessOptions,
  { nc, clock, log, tracing, fatal }: WorkerProcessDeps,
): Promise<{ close(): Promise<void> }> {
  const { name, agents, roots, shared, maxBytes, maxTurnMs, mostMemory, env, pidFolder } = options;
  const { credentials: wanted } = options;
  const over = new AbortController();
  const { signal } = over;
  const connection = followConnection({
    nc,
    lost: () => log.warn({}, "the broker is away"),
    regained: () => log.info({}, "the broker is there again"),
    fatal,
  });
  const jsm = await jetstreamManager(nc, { checkAPI: false, timeout: 2000 });
  await jsm.streams.info(SESSIONS_STREAM).catch((error: unknown) => {
    if (!(error instanceof JetStreamApiError) || error.status !== 404) throw error;
    throw codedError("sessions_unavailable", "the broker has no log of sessions", { cause: error });
  });
  const pages = createPages({ nc, clock, inboxPrefix: WORKER_INBOX });
  const keys = createPages({ nc, clock, inboxPrefix: WORKER_INBOX, store: SESSION_STATE });
  const leader = createLeader({ jsm, clock, signal });
  const hub = await openHub({ nc, pages, leader, clock, log, signal });
  const base = { nc, jsm, clock, signal, random: randomUUID };
  const places = createPlaces(base, { worker: name, roots, shared });
  const pidFiles = openPidFiles(pidFolder, process.pid);
  const left = await pidFiles.sweep();
  if (left > 0) log.warn({ programs: left }, "programs of agents were left over from before, and ended");
  const programs = { guard: guardKeeper(), env: agentEnvironment(env), random: randomUUID, pidFiles };
  const spawn = { ...programs, clock, mostMemory };
  const opened = wanted && (await openCredentials({ jsm, clock, log }, wanted));
  const credentials = opened && { ...opened, callerOf: askCallers({ nc, clock, log, random: randomUUID }) };
  const worker = startWorker(
    { ...base, hub, pages, keys, leader, room: () => hub.end().room },
    { name, agents, places, spawn, credentials, log, tracing, maxBytes, maxTurnMs },
  );
  return {
    async close() {
      await worker.stop();
      over.abort();
      hub.close();
      connection.leave();
      await nc.close();
    },
  };
}
