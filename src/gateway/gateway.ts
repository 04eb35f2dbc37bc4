import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Msg, NatsConnection, Subscription } from "@nats-io/transport-node";
import { decodeAnswer } from "../shared/messages/answer.ts";
import type { Clock } from "../shared/base/clock.ts";
import type { Durability } from "../shared/log/durability/durability.ts";
import type { HttpErrorCode } from "../shared/base/errors.ts";
import type { Logger } from "../shared/base/logger.ts";
import { decodeState } from "../shared/messages/relay-state.ts";
import { answerInbox, gatewayInbox, runnerName, STATE_SUBJECT } from "../shared/log/schema/subjects.ts";
import { bodyLimit } from "../shared/log/schema/topology.ts";
import type { Tracing } from "../shared/base/tracing.ts";
import { notPassable, type NotPassable } from "../shared/messages/tunnel/passable.ts";
import { createAddresses } from "./writes/addresses.ts";
import { createBacklog } from "./writes/backlog.ts";
import { BODY_MS } from "../shared/http/body.ts";
import { createBudget, HELD_BYTES } from "../shared/http/budget.ts";
import { createAcceptance } from "../shared/log/append/acceptance.ts";
import { createChoice } from "../shared/log/append/choice.ts";
import { createCommitter } from "../shared/log/append/commit.ts";
import { messageOf } from "../shared/log/append/message.ts";
import { createNatsLog } from "../shared/log/append/nats-log.ts";
import { framingProblem } from "../shared/http/framing.ts";
import { createEntrance, type Entrance, type EntranceOptions, type Served } from "./entrance.ts";
import { createGuard, type Guard } from "../shared/http/guard.ts";
import { keyedIds } from "./writes/identity.ts";
import { createJudge } from "./writes/judge.ts";
import { createMetrics } from "./report/metrics.ts";
import { createOwnRoutes } from "./report/own.ts";
import { createPassages, type Passage } from "./route/passage.ts";
import type { KeptPort } from "./port.ts";
import { createRelays } from "./writes/relays.ts";
import { createRepeats } from "./writes/repeats.ts";
import { refuseUnread, sendProblem } from "../shared/http/reply.ts";
import { matchRoute } from "./route/routes.ts";
import {
  createShield,
  createKnownRunners,
  readCall,
  createRuns,
  type KeptShield,
  type KeptRunners,
  type KeptRuns,
} from "./runner/index.ts";
import { createSequences } from "../shared/log/append/sequence.ts";
import { refuseSocket, type Handler, type ServerTimes } from "../shared/http/server.ts";
import { createTokens } from "./writes/tokens.ts";
import { createTunnel, MAX_LEARNT_BYTES } from "./tunnel/tunnel.ts";
import { createWaiting } from "./writes/waiting.ts";
import { createWrites } from "./writes/writes.ts";

// entrance.ts takes port and socket · ../shared/http is HTTP, its limits and who may ask · route/ finds the route of a request · writes/ serves the writes ·
// runner/ keeps a runner alive where broker or relay fail, and knows the runners · tunnel/ passes everything else on · report/ serves /_relay/… ·
// port.ts keeps the port · socket.ts is a Unix socket beside it · service.ts puts the gateway behind the entrance · main.ts is the process

/** How often silent relays are looked for. */
const SILENCE_CHECK_MS = 250;

/** How long the coordinator is asked for a run: the runner that reports on it gives up at 35 s. */
const ASK_MS = 25_000;

/** How long a stop then waits for connections, to take what was written and to end. */
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

/** Puts a gateway together. */
export function createGateway(deps: GatewayDeps): Gateway {
  const { options, connection, keptPort, durability, tracing, clock, logger } = deps;
  const entrance = deps.entrance ?? createEntrance({ options, keptPort, clock, times: deps.times });
  const newToken = createTokens();
  // Part of every epoch and request id of this process: two processes must never share it. Executors and the coordinator see it.
  const nonce = newToken();
  let passed = 0;
  // The inbox does not use the nonce: the broker lets a login have its acknowledgements sent anywhere, so everyone who knows an inbox can write into it.
  const inbox = `${gatewayInbox(options.gateway)}.${newToken()}`;
  const runner = runnerName(options);
  const answerPrefix = `${answerInbox(options.gateway, runner, newToken())}.`;

  const bodyMs = deps.times?.bodyMs ?? BODY_MS;
  const relays = createRelays();
  const waiting = createWaiting(clock);
  const backlog = createBacklog({
    maxEvents: options.sessionMaxEvents,
    maxBytes: options.sessionMaxBytes,
    onHalf: (session, amount) => logger.warn({ session, ...amount }, "session at half of its backlog limit"),
  });
  const log = createNatsLog({
    connection,
    inbox: `${gatewayInbox(options.gateway)}.${newToken()}`,
    newToken,
    clock,
  });
  const runners = createKnownRunners({
    written: { hostname: options.hostname, profile: options.profile },
    kept: deps.keptRunners,
    clock,
    logger,
  });
  const metrics = createMetrics({
    waiting: () => waiting.size,
    queued: () => committer.waiting,
    passing: () => tunnel.size,
    passed: () => passed,
    durable: () => durability() === "fsync",
    logUp: () => log.up(),
    linesDropped: deps.linesDropped,
    mismatches: () => runners.mismatches().length,
  });
  const acceptance = createAcceptance({ clock, connection: () => log.connection() });
  const committer = createCommitter({
    log,
    sequences: createSequences(nonce),
    encode: (write, number) => messageOf(write, number, runner),
    choice: createChoice(durability() === "fsync"),
    sideBySide: () => durability() !== "fsync",
    clock,
    logger,
    report: metrics.commit,
    noted: (outcome) => acceptance.noted(outcome),
  });

  /** Subscribes. An exception in a callback would end the reading of the connection, so a malformed message of a relay must not cause one. */
  const listen = (subject: string, take: (message: Msg) => void): Subscription =>
    connection.subscribe(subject, {
      callback(error, message) {
        try {
          if (error === null) take(message);
        } catch (cause) {
          logger.error({ err: cause, subject: message.subject }, "message of a relay could not be taken");
        }
      },
    });
  const subscriptions = [
    listen(`${STATE_SUBJECT}.>`, (message) => {
      const state = decodeState(message.string());
      if (state === undefined) return;
      tunnel.heard(state);
      shield.heard(state);
      const ended = relays.take(state, clock.now());
      if (ended.length > 0) waiting.release(ended);
      backlog.reported(state);
    }),
    listen(`${answerPrefix}*`, (message) => {
      const answer = decodeAnswer(message.data);
      if (answer === undefined) return;
      const { reply } = message;
      const confirm = reply
        ? (seen: boolean): void => connection.publish(reply, seen ? "1" : "0")
        : undefined;
      const taken = waiting.answered(message.subject.slice(answerPrefix.length), answer, confirm);
      if (!taken) confirm?.(false);
    }),
  ];
  let stopSilenceCheck = (): void => undefined;
  const checkSilence = (): void => {
    const ended = relays.silenced(clock.now());
    if (ended.length > 0) waiting.release(ended);
    stopSilenceCheck = clock.after(SILENCE_CHECK_MS, checkSilence);
  };
  checkSilence();

  let stopping = false;
  const atPort = createGuard({ listen: options.listen, token: options.inboundToken });
  const atSocket = createGuard({ listen: "localhost", token: undefined });
  const own = createOwnRoutes({
    connection,
    version: deps.version,
    gateway: options.gateway,
    logUp: log.up,
    refusal: () => acceptance.refusal(),
    durability,
    stopping: () => stopping,
    relays,
    mismatches: () => runners.mismatches(),
    leaving: () => shield.leaving(),
    metrics,
    now: () => clock.now(),
  });
  const budget = createBudget(HELD_BYTES, clock);
  const runs = createRuns({
    kept: deps.keptRuns,
    ask: (run) => {
      const limits = { limitMs: ASK_MS, bytes: MAX_LEARNT_BYTES };
      return tunnel.ask("GET", `/runs/${encodeURIComponent(run)}`, limits);
    },
  });
  const write = createWrites({
    runs,
    judge: createJudge({ hostname: options.hostname, profile: options.profile }),
    addressOf: createAddresses(runner),
    newId: newToken,
    keyedId: keyedIds(deps.keySecret),
    answerWaitMs: options.answerWaitMs,
    bodyMs,
    bodyLimit: () => Math.min(options.maxBodyBytes, bodyLimit(connection.info?.max_payload ?? Infinity)),
    durability,
    answerSubject: (id) => answerPrefix + id,
    committer,
    waiting,
    relays,
    backlog,
    repeats: createRepeats(),
    budget,
    counts: metrics.counts,
    tracing,
    clock,
    logger,
  });

  const refuse = (
    request: IncomingMessage,
    response: ServerResponse,
    code: HttpErrorCode,
    detail: string,
  ): void => {
    metrics.counts.refused(code);
    if (request.complete) sendProblem(response, code, detail);
    else refuseUnread(request, response, code, detail);
  };
  const tunnel = createTunnel({
    connection,
    gateway: options.gateway,
    inbox,
    nonce,
    clock,
    logger,
    up: log.up,
    bodyMs,
    budget,
    refuse,
    learn: (body) => runs.learn(body),
    readCall: (opening) => readCall(runners, opening),
  });
  const shield = createShield({
    tunnel,
    runs,
    kept: deps.keptShield,
    readCall: (opening) => readCall(runners, opening),
    refuse,
    count: (what) => metrics.counts.shielded[what]++,
    budget,
    bodyMs,
    clock,
    logger,
  });
  const passages = createPassages({
    tracing,
    newId: () => `${nonce}-r${(passed++).toString(36)}`,
    clock,
    logger,
  });
  const onRequest = (guard: Guard, ...[request, response, start]: Parameters<Handler>): void => {
    const { method = "", url = "", headers } = request;
    const refused = guard(headers);
    if (refused !== undefined) {
      metrics.counts.refused(refused.code);
      logger.warn({ code: refused.code, method }, "request refused");
      return refuseUnread(request, response, refused.code, refused.detail);
    }
    const route = matchRoute(method, url);
    if (stopping) response.shouldKeepAlive = false;
    switch (route.kind) {
      case "write":
        if (stopping) return refuseUnread(request, response, "gateway_stopping", "the gateway is stopping");
        shield.reported(route);
        return write(request, response, route, start);
      case "undecodable":
        return refuseUnread(request, response, "session_id_invalid", "session_id is no valid Unicode text");
      case "ambiguous":
        metrics.counts.refused("path_ambiguous");
        return refuseUnread(request, response, "path_ambiguous", "the path could be read as another one");
      case "own":
        request.resume();
        own(request, response, route.segments, route.query).catch((error: unknown) => {
          logger.error({ err: error }, "request failed unexpectedly");
          sendProblem(response, "internal", "unexpected failure");
        });
        return;
      case "other": {
        const problem = passProblem(request, undefined);
        if (problem !== undefined) {
          metrics.counts.refused(problem.code);
          return refuseUnread(request, response, problem.code, problem.text);
        }
        const passage = (): Passage => passages.ofRequest(request, response);
        if (shield.serve(request, response, start, passage)) return;
        if (stopping) return refuseUnread(request, response, "gateway_stopping", "the gateway is stopping");
        return tunnel.serve(request, response, start, passage());
      }
    }
  };

  const onUpgrade = (guard: Guard, request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const refused = guard(request.headers);
    if (refused !== undefined) return refuseSocket(socket, refused.code, refused.detail);
    if (stopping) return refuseSocket(socket, "gateway_stopping", "the gateway is stopping");
    if (matchRoute(request.method ?? "", request.url ?? "").kind !== "other") {
      return refuseSocket(socket, "not_found", "this path is not upgraded");
    }
    const problem = passProblem(request, request.headers.upgrade);
    if (problem !== undefined) return refuseSocket(socket, problem.code, problem.text);
    tunnel.upgrade(request, socket, head, passages.ofUpgrade(request, socket));
  };
  const serve = (guard: Guard): Served => ({
    request: (...came) => onRequest(guard, ...came),
    upgrade: (...came) => onUpgrade(guard, ...came),
  });
  return {
    async listen() {
      await entrance.listen();
      // The subscriptions must be in place before the first event: its answer could come before them.
      await connection.flush();
      entrance.open({
        port: serve(atPort),
        socket: serve(atSocket),
        onDropped: () => metrics.counts.refused("gateway_busy"),
      });
    },
    url: () => entrance.url(),
    async close() {
      stopping = true;
      shield.stop();
      const closed = entrance.close();
      const after = (ms: number): Promise<void> =>
        new Promise((resolve) => void clock.after(Math.min(ms, options.drainMs), resolve));
      const enough = after(options.drainMs);
      waiting.close();
      tunnel.leave();
      await committer.idle();
      await Promise.race([tunnel.idle(), enough]);
      tunnel.close();
      // every answer is out or was broken off; a connection that is still open after that is ended below
      await Promise.race([closed, after(LINGER_MS)]);
      stopSilenceCheck();
      for (const subscription of subscriptions) subscription.unsubscribe();
      log.close();
      entrance.destroy();
    },
  };
}

/** Why a request that is no write cannot be passed on. */
function passProblem(request: IncomingMessage, upgrade: string | undefined): NotPassable | undefined {
  const text = framingProblem(request, upgrade !== undefined);
  if (text !== undefined) return { code: "framing_invalid", text };
  const { method = "", url: target = "", rawHeaders: headers } = request;
  return notPassable({ method, target, headers, upgrade });
}
