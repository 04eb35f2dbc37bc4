import { randomBytes } from "node:crypto";
import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../shared/base/clock.ts";
import type { Logger } from "../shared/base/logger.ts";
import { openOwnPort } from "../shared/http/door/own-port.ts";
import { followConnection } from "../shared/log/connection.ts";
import { RESERVED_BYTES } from "../shared/session-log/append/put.ts";
import type { Pages } from "../shared/session-log/follow/pages.ts";
import { listSessions } from "../shared/session-log/registry/list.ts";
import { openTurns } from "../shared/session-log/turns/unfinished.ts";
import { SESSIONS_PORT } from "../shared/settings/index.ts";
import { createExpiries } from "./access/expiries.ts";
import type { Entrance } from "./access/open-access.ts";
import { acceptSessionTokens } from "./access/session-tokens.ts";
import { followTls } from "../shared/http/tls-files.ts";
import { createUserGate, type UserGate, type UserLimits } from "./access/user-limits.ts";
import type { Workspaces } from "./access/workspaces.ts";
import { createActive } from "./active.ts";
import { createCore } from "./core/core.ts";
import { openLog } from "./core/open-log.ts";
import { newCounts, type Counts } from "./http/counts.ts";
import { addAgui } from "./dialects/ag-ui/index.ts";
import { addAmbient } from "./dialects/ambient/index.ts";
import { addHooks, openHooks, type HookQueue } from "./hooks/index.ts";
import { addUniversalAgent } from "./dialects/universal-agent/index.ts";
import { handOver } from "./hand-over.ts";
import { leave } from "./leave.ts";
import type { createMetrics, Metrics } from "./http/metrics.ts";
import type { Part } from "./http/part.ts";
import { addEvents } from "./native/events.ts";
import { addOwn, type OwnState } from "./native/own.ts";
import { addPods } from "./native/pods.ts";
import { addSessions } from "./native/sessions.ts";
import { addSockets } from "./native/streams.ts";
import { addAnswers, addTurns } from "./native/turns.ts";
import { addRunner, type Runners } from "./runner/index.ts";
import { createServer } from "./server.ts";

// core/ does what clients want · access/ says who may · native/ is our own protocol, hooks/ takes what hooks of agents report, dialects/ are those of other programs, runner/ passes on what runners of pods are asked, describe/ makes the OpenAPI document of them · server.ts makes the port of its parts · hand-over.ts gives callers' tokens to workers · active.ts counts for /health

export type ServeOptions = {
  version: string;
  listen: string;
  /** Undefined: the usual one where it is free. */
  port: number | undefined;
  /** The one that the last run had (own-port.ts). */
  keptPort: number | undefined;
  /** Descriptor of the socket that `up` or systemd keeps open. */
  handedSocket?: number | undefined;
  maxBody: number;
  /** For clients of Universal Agent, the same text twice in two minutes is one turn. */
  textDedupe: boolean;
  /** How runners of pods are reached; undefined where they are not. */
  runners: Runners | undefined;
};

export type ServeDeps = {
  nc: NatsConnection;
  clock: Clock;
  log: Logger;
  entrance: Entrance;
  workspaces: Workspaces;
  linesDropped: () => number;
  /** A failure that a restart cannot heal by itself; the process is to end with it. */
  fatal: (error: Error) => void;
};

/** A running server of sessions. */
export type Serve = { url: string; close(): Promise<void> };

/** Our own protocol, but for what concerns the server itself. */
const NATIVE: readonly Part[] = [addSessions, addTurns, addAnswers, addEvents, addSockets, addPods];

/** Starts the server on an open connection. Throws `sessions_unavailable` where there is no log of sessions, and `port_taken`. */
export async function startServe(options: ServeOptions, deps: ServeDeps): Promise<Serve> {
  const { nc, clock, log, workspaces, entrance } = deps;
  const ended = new AbortController();
  const { signal } = ended;
  let stopping = false;
  const streamsEnd = new AbortController();
  const opened = await openLog({ nc, clock, log, signal });
  const connection = followConnection({
    nc,
    lost: () => log.warn("the broker is away"),
    regained: () => log.info("the broker is back"),
    fatal: deps.fatal,
  });
  const random = (): string => randomBytes(12).toString("hex");
  const gate = gateOf(entrance.limits, { ...opened, clock, signal });
  const callerTokens = handOver({ nc, clock, log }, random());
  const core = createCore({ ...opened, clock, signal, workspaces, gate, random, callerTokens });
  const counts = newCounts();
  const { room, hub } = opened;
  const hooks = openHooks({ core, clock, log });
  const { linesDropped } = deps;
  const expiries = createExpiries(clock);
  const access = acceptSessionTokens(entrance.access, { jsm: opened.jsm, clock, expiries });
  const levels = { logUp: () => connection.up(), room, linesDropped, hooks: hooks.counts };
  const own = ownStateOf({ counts, levels, version: options.version, jsm: opened.jsm, clock });
  const { version, textDedupe, runners } = options;
  const others = { textDedupe, runners, random, logUp: levels.logUp, hooks, logName: () => hub.end().log };
  const parts: Part[] = [...NATIVE, (app, part) => addOwn(app, part, own), ...partsOfOthers(others)];
  const streams = { ...opened, clock, stopping: streamsEnd.signal };
  const admitted = { entrance: { ...entrance, access }, stopping: () => stopping };
  const server = { core, streams, gate, counts, clock, log, version, ...admitted };
  const app = createServer(options, server, parts);
  const stopTls = entrance.tls && followTls(app.server, entrance.tls, { clock, log });
  const url = await openOwnPort(app, {
    ...SESSIONS_PORT,
    listen: options.listen,
    port: options.port,
    kept: options.keptPort,
    handed: options.handedSocket,
  });
  return {
    url,
    async close() {
      stopping = true; // and so it is not ready
      stopTls?.();
      connection.leave();
      await leave(app, () => streamsEnd.abort());
      await hooks.close();
      expiries.close();
      ended.abort();
      hub.close();
      await nc.drain().catch(() => undefined);
    },
  };
}

/** What the server tells of itself. */
function ownStateOf(of: {
  counts: Counts;
  levels: Parameters<typeof createMetrics>[1];
  version: string;
  jsm: JetStreamManager;
  clock: Clock;
}): OwnState {
  const { counts, levels, version } = of;
  let metrics: Promise<Metrics> | undefined; // its library takes 3 MB, and most servers are never scraped
  return {
    logUp: levels.logUp,
    room: () => levels.room() - RESERVED_BYTES,
    active: createActive(of),
    // loaded when somebody asks for it: its forms and the library that builds them take 10 MB
    document: async () => (await import("./describe/openapi.ts")).openApi(version),
    metrics: () => (metrics ??= import("./http/metrics.ts").then((it) => it.createMetrics(counts, levels))),
  };
}

/** What other programs speak: hooks of agents, dialects, and runners of pods. */
function partsOfOthers(of: {
  textDedupe: boolean;
  runners: Runners | undefined;
  random: () => string;
  logUp: () => boolean;
  hooks: HookQueue;
  logName: () => string;
}): Part[] {
  return [
    (app, part) => addHooks(app, { ...part, ...of }),
    (app, part) => addUniversalAgent(app, { ...part, ...of }),
    (app, part) => addAmbient(app, { ...part, ...of }),
    (app, part) => addAgui(app, { ...part, ...of }),
    (app, part) => addRunner(app, { ...part, ...of }),
  ];
}

/** Counts what users have, by the log. */
function gateOf(
  limits: UserLimits,
  deps: { jsm: JetStreamManager; keys: Pages; clock: Clock; signal: AbortSignal },
): UserGate {
  return createUserGate({
    limits,
    clock: deps.clock,
    async countSessions(user) {
      const { sessions } = await listSessions(deps, { user, after: 0, limit: limits.sessions });
      return sessions.length;
    },
    openTurns: (session) => openTurns(deps.jsm, session),
  });
}
