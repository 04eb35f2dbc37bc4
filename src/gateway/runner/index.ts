import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "../../shared/base/clock.ts";
import type { HttpErrorCode } from "../../shared/base/errors.ts";
import type { Logger } from "../../shared/base/logger.ts";
import type { RelayState } from "../../shared/messages/relay-state.ts";
import { runnerCall, type RunnerCall } from "../../shared/messages/runner-call.ts";
import { leavingRunner } from "../../shared/messages/tunnel/leaving-runner.ts";
import { readBody, refusalOf } from "../../shared/http/body.ts";
import type { Budget } from "../../shared/http/budget.ts";
import type { Passage } from "../route/passage.ts";
import type { Route } from "../route/routes.ts";
import type { Runs } from "./runs.ts";
import { responseOutlet } from "../tunnel/outlets.ts";
import { targetOf } from "../tunnel/request.ts";
import type { Tunnel } from "../tunnel/tunnel.ts";
import { createRoom, MAX_ANSWER_BYTES, tryOnce, type Tried } from "./attempt.ts";
import { createCall, type Call } from "./call.ts";
import { createGhosts } from "./ghosts.ts";
import { createHandouts } from "./handouts.ts";
import { createHeartbeats } from "./heartbeat.ts";
import type { KeptShield } from "./kept.ts";
import type { Registering } from "../tunnel/registering.ts";
import { createLeaves, type KeptRemoval } from "./leaving.ts";
import { createPolls } from "./poll.ts";
import { createRegisters } from "./register.ts";
import { createRegistrations } from "./registrations.ts";
import { createStops } from "./stops.ts";
import type { Asked } from "./runner-calls.ts";
import { createSuspicion } from "./suspicion.ts";
import { createWay } from "./way.ts";

// poll.ts, heartbeat.ts, register.ts and leaving.ts serve one call each · verdict.ts decides what becomes of it · call.ts follows it until its client leaves ·
// attempt.ts passes it on once · way.ts knows whether broker and relay are there · answers.ts has our own answers · ghosts.ts finds what broken polls took:
// run-list.ts reads the coordinator's lists, suspicion.ts says when to look, handouts.ts and stops.ts know what was given out · registrations.ts knows what
// runners registered · kept.ts and kept-list.ts write all of this to files
// A file per call, because each call has a deadline and a second try of its own, and a runner ends if one of them is wrong. What outlives a call (what was
// given out, what was registered) is kept apart from serving it, so that it can be written to disk and tested without HTTP.

export type { Affinity } from "./affinity.ts";
export { keptShield, type KeptShield } from "./kept.ts";
export { keptRunners } from "./kept-runners.ts";
export { keptRuns } from "./kept-runs.ts";
export { createKnownRunners, type KeptRunners, type KnownRunners, type Mismatch } from "./known-runners.ts";
export type { KeptRemoval } from "./leaving.ts";
export { readCall } from "./runner-calls.ts";
export { createRuns, findRun, type Found, type KeptRuns, type Runs } from "./runs.ts";

/** Longest body of a runner's own call that is held to be sent again; a registration names its agents. */
const MAX_BODY_BYTES: number = 256 * 1024;
/** Most bytes of answers that all calls together hold until they are whole: four of the largest answers, or a thousand usual ones. */
const MAX_HELD_BYTES: number = 4 * MAX_ANSWER_BYTES;

/** What the gateway answers in place of the coordinator, by the names that metrics use. */
export type Shielded = "poll" | "heartbeat" | "register" | "leave" | "run" | "stop";

/** A runner's own calls, and the one by which it removes itself. */
type OwnCall = RunnerCall | { kind: "leave"; runner: string };

/** Keeps a runner and its agents alive while broker or relay are missing or fail (ADR 0022). */
export type Shield = {
  /** Serves a request if it is one of a runner's own calls; false if it is none. */
  serve(request: IncomingMessage, response: ServerResponse, start: () => void, pass: () => Passage): boolean;
  /** A relay published its state. */
  heard(state: RelayState): void;
  /** A runner reports on a run, or on a session that has none. */
  reported(route: Extract<Route, { kind: "write" }>): void;
  /** Runners whose removal is still pending at this gateway. */
  leaving(): KeptRemoval[];
  /** Answers everything that is held at once, and later polls and heartbeats too. */
  stop(): void;
};

export type ShieldDeps = {
  tunnel: Tunnel;
  runs: Runs;
  kept: KeptShield;
  /** Reads what a call says about its runner. Returns what becomes of it if it is a registration. */
  readCall: (asked: Asked) => Registering | undefined;
  refuse: (request: IncomingMessage, response: ServerResponse, code: HttpErrorCode, detail: string) => void;
  count: (what: Shielded) => void;
  budget: Budget;
  /** How long a body may take to arrive. */
  bodyMs: number;
  clock: Clock;
  logger: Logger;
};

export function createShield(deps: ShieldDeps): Shield {
  const { tunnel, runs, clock, logger } = deps;
  const way = createWay({ clock, logger });
  const suspicion = createSuspicion(clock);
  const handouts = createHandouts({ kept: deps.kept.handouts, clock });
  const stops = createStops();
  const room = createRoom(MAX_HELD_BYTES);
  /** One function for each call that ends when the gateway stops. */
  const under = new Set<() => void>();
  let stopping = false;

  const plainOf = ({ request, response }: Call): ReturnType<typeof responseOutlet> =>
    responseOutlet(response, (code, detail) => deps.refuse(request, response, code, detail));
  const attempt = async (call: Call, limitMs: number): Promise<Tried> => {
    const { request, body, passage, signal } = call;
    const open = (outlet: Parameters<Tunnel["pass"]>[3]): (() => void) =>
      tunnel.pass(request, body, passage, outlet);
    const tried = await tryOnce({ open, plain: plainOf(call), limitMs, signal, room, clock });
    if (tried.kind === "failed") way.failed(tried.code);
    return tried;
  };
  const handOn = (call: Call, tried: Extract<Tried, { kind: "answer" | "failed" }>): void => {
    const plain = plainOf(call);
    if (tried.kind === "failed") return plain.fail(tried.code, tried.detail);
    const { status, statusText, headers, body, trailers } = tried.answer;
    plain.head(status, statusText, headers, false);
    if (body.length > 0) plain.data(body, () => undefined);
    plain.end(trailers);
  };
  const answered = (call: Call, what: Shielded, fields: Record<string, unknown>): void => {
    deps.count(what);
    const line = {
      request: call.passage.id,
      call: what,
      ms: Math.round(clock.now() - call.began),
      ...fields,
    };
    if (what === "run" || what === "stop")
      logger.info(line, "delivered a run or stop command that a broken poll had claimed");
    else logger.debug(line, "answered a runner's call on behalf of the coordinator");
  };
  const common = { attempt, handOn, way, answered, clock };
  const ghosts = createGhosts({
    ask: (target, limits, body) => tunnel.ask(body === undefined ? "GET" : "POST", target, limits, body),
    handouts,
    stops,
    clock,
    logger,
  });
  const know = (run: string, session: string): void => runs.know(run, session);
  const poll = createPolls({ ...common, suspicion, ghosts, handouts, stops, know });
  const heartbeat = createHeartbeats(common);
  const register = createRegisters({
    ...common,
    registrations: createRegistrations(deps.kept.registrations),
    registered(runner) {
      suspicion.registered(runner);
      handouts.forget(runner);
    },
    stopping: () => stopping,
  });
  const removals = createLeaves({
    ...common,
    kept: deps.kept.removals,
    ask: (...asked) => tunnel.ask(...asked),
    logger,
  });

  async function serveRegister(call: Call, registering: Registering | undefined): Promise<void> {
    await removals.beforeRegister();
    await register(call, (status, body) => {
      if (registering?.kind === "passed") registering.answered({ status, body });
    });
  }

  function servedBy(known: OwnCall, call: Call, registering: Registering | undefined): Promise<void> {
    switch (known.kind) {
      case "poll":
        if (known.runner !== undefined) removals.heard(known.runner);
        return poll(call, known.runner);
      case "heartbeat":
        return heartbeat(call);
      case "register":
        return serveRegister(call, registering);
      case "leave":
        return removals.serve(call, known.runner);
    }
  }

  function begin(known: OwnCall, parts: Omit<Call, "signal" | "ended">, release: () => void): void {
    const { request, response, body } = parts;
    const registering = deps.readCall({
      method: request.method ?? "",
      target: targetOf(request.url ?? ""),
      body: { kind: "whole", bytes: body },
    });
    if (registering?.kind === "refused") {
      release();
      return deps.refuse(request, response, "runner_conflict", registering.detail);
    }
    const leaves = known.kind === "poll" ? "when_half_closed" : "when_closed";
    const { call, stop } = createCall(parts, leaves, () => {
      under.delete(stop);
      registering?.answered(undefined); // if nobody else has said so
      release();
    });
    if (response.destroyed) {
      registering?.answered(undefined);
      return release();
    }
    if (known.kind !== "register") under.add(stop);
    if (known.kind !== "register" && stopping) stop();
    servedBy(known, call, registering).catch((error: unknown) => {
      logger.error({ err: error, call: known.kind }, "request failed unexpectedly");
      plainOf(call).fail("internal", "unexpected failure");
    });
  }

  return {
    serve(request, response, start, pass) {
      const { method = "" } = request;
      const target = targetOf(request.url ?? "");
      const leaver = leavingRunner(method, target);
      const known: OwnCall | undefined =
        leaver === undefined ? runnerCall(method, target) : { kind: "leave", runner: leaver };
      if (known === undefined || !canBeHeld(request)) return false;
      const began = clock.now();
      const { budget, bodyMs: limitMs } = deps;
      readBody(request, { limit: MAX_BODY_BYTES, limitMs, budget, clock, start }, (result) => {
        if (result.kind === "aborted") return;
        if (result.kind !== "body") {
          const { code, detail } = refusalOf(result.kind, MAX_BODY_BYTES);
          return deps.refuse(request, response, code, detail);
        }
        const { bytes: body, release } = result;
        request.resume();
        begin(known, { request, response, passage: pass(), body, began }, release);
      });
      return true;
    },
    heard: (state) => way.heard(state),
    leaving: () => removals.waiting(),
    reported({ run, session }) {
      if (run !== undefined) handouts.reported(run.id, run.report);
      const ended =
        run === undefined ? session : run.report === "started" ? undefined : runs.sessionOf(run.id);
      if (ended !== undefined) stops.ended(ended);
    },
    stop() {
      stopping = true;
      for (const end of under) end();
      removals.stop();
    },
  };
}

/** Can the body be held, to be sent again? One of unknown or great length is passed on as it comes and is not shielded; no runner sends one. */
function canBeHeld({ headers }: IncomingMessage): boolean {
  return (
    headers["transfer-encoding"] === undefined && Number(headers["content-length"] ?? 0) <= MAX_BODY_BYTES
  );
}
