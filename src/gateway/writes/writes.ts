import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "../../shared/base/clock.ts";
import type { Durability } from "../../shared/log/durability/durability.ts";
import type { HttpErrorCode } from "../../shared/base/errors.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { EVENTS_STREAM } from "../../shared/log/schema/topology.ts";
import { traceIdOf, traceOf, type Span, type TraceContext, type Tracing } from "../../shared/base/tracing.ts";
import type { Address } from "./addresses.ts";
import type { Backlog } from "./backlog.ts";
import { readBody, refusalOf } from "../../shared/http/body.ts";
import type { Budget } from "../../shared/http/budget.ts";
import type { Command } from "./command.ts";
import type { Committer } from "../../shared/log/append/commit.ts";
import { showNumber } from "../../shared/log/append/message.ts";
import type { Outcome } from "../../shared/log/append/write.ts";
import { handoutOf } from "./handout.ts";
import { isUsableKey, type KeyedIds } from "./identity.ts";
import type { Judge } from "./judge.ts";
import { bodyForm } from "../../shared/http/media-type.ts";
import { endWith, requestIdOf, serverSpan, templateOf } from "../route/passage.ts";
import { readPrefer, type Preference } from "../../shared/http/prefer.ts";
import type { Relays } from "./relays.ts";
import type { Repeats } from "./repeats.ts";
import type { Runs } from "../runner/index.ts";
import { refuseUnread, send, sendProblem } from "../../shared/http/reply.ts";
import type { Route } from "../route/routes.ts";
import type { Conclusion, CoordinatorAnswer, Stored, Waiting } from "./waiting.ts";
import type { WriteCounts } from "./write-counts.ts";

// ../../shared/http/body.ts reads · judge.ts and command.ts make what is forwarded, rebuild.ts the bodies of binds and metadata · tokens.ts, identity.ts and
// repeats.ts give it an id and know it again · backlog.ts limits · ../../shared/log/append stores · relays.ts says whether the coordinator's answer can be
// waited for, waiting.ts waits for it, handout.ts hands it out · ../route/passage.ts names and traces
// Each step before the log can refuse the write; after it nothing refuses any more, because the event is stored (DURABLE-1). So this file follows one request
// from its first byte to its answer, and every other file here decides about bytes or numbers and is tested without a request.

export type WritesDeps = {
  judge: Judge;
  addressOf: (session: string) => Address;
  /** A new id for an event without a key. */
  newId: () => string;
  /** The id of an event with one. */
  keyedId: KeyedIds;
  /** How long an executor waits for the coordinator's own answer, milliseconds. */
  answerWaitMs: number;
  /** Largest body at the moment, bytes. */
  bodyLimit: () => number;
  /** How long a body may take to arrive. */
  bodyMs: number;
  durability: () => Durability;
  /** Subject on which this process hears the answer to an event. */
  answerSubject: (id: string) => string;
  committer: Committer;
  waiting: Waiting;
  relays: Relays;
  runs: Runs;
  backlog: Backlog;
  repeats: Repeats;
  budget: Budget;
  counts: WriteCounts;
  tracing?: Tracing | undefined;
  clock: Clock;
  logger: Logger;
};

type WriteRoute = Extract<Route, { kind: "write" }>;

/** What is known of a request while it is served: for the answer and its log line. */
type Call = {
  request: IncomingMessage;
  response: ServerResponse;
  route: WriteRoute;
  startedAt: number;
  prefer: Preference;
  /** What `Preference-Applied` will say where the coordinator's answer was waited for. */
  applied: string | undefined;
  session: string | undefined;
  id: string | undefined;
  span: Span | undefined;
  /** Of the span, else the executor's own. */
  trace: TraceContext | undefined;
};

/** Serves the writes: body in, event into the log, answer out. */
export function createWrites(
  deps: WritesDeps,
): (request: IncomingMessage, response: ServerResponse, route: WriteRoute, start: () => void) => void {
  const {
    judge,
    addressOf,
    committer,
    waiting,
    relays,
    runs,
    backlog,
    repeats,
    budget,
    counts,
    tracing,
    clock,
    logger,
  } = deps;

  function serve(
    request: IncomingMessage,
    response: ServerResponse,
    route: WriteRoute,
    start: () => void,
  ): void {
    const { headers } = request;
    const span = tracing && serverSpan(tracing, request, templateOf(route));
    if (span !== undefined) endWith(span, response);
    const call: Call = {
      request,
      response,
      route,
      startedAt: clock.now(),
      prefer: readPrefer(headers["prefer"] as string | undefined),
      applied: undefined,
      session: route.session,
      id: undefined,
      span,
      trace: span?.context ?? traceOf(headers),
    };
    const form = bodyForm(headers["content-type"], headers["content-encoding"]);
    if (!form.ok) return refuse(call, "media_type_unsupported", form.detail);
    const limit = deps.bodyLimit();
    readBody(request, { limit, limitMs: deps.bodyMs, budget, clock, start }, (result) => {
      if (result.kind === "aborted") return;
      if (result.kind === "body") {
        const { bytes, release } = result;
        return withSession(call, release, () => judged(call, form.type, bytes, release));
      }
      const { code, detail } = refusalOf(result.kind, limit);
      refuse(call, code, detail);
    });
  }

  /** A run report names its run only; the session, behind whose events it must stay, is learnt or asked for. */
  function withSession(call: Call, release: () => void, then: () => void): void {
    const { run } = call.route;
    if (run === undefined) return then();
    const known = runs.sessionOf(run.id);
    if (known !== undefined) {
      call.session = known;
      return then();
    }
    void runs.find(run.id).then((found) => {
      if (found.kind === "found") {
        call.session = found.session;
        return then();
      }
      release();
      if (found.kind === "unknown") refuse(call, "run_unknown", "Run not found");
      else refuse(call, "run_session_unknown", "the session of the run cannot be found out now");
    });
  }

  function judged(call: Call, type: string, bytes: Uint8Array, release: () => void): void {
    const key = call.request.headers["idempotency-key"] as string | undefined;
    const body = { write: call.route.write, session: call.session, bytes, digest: key !== undefined };
    judge(body, (command, digest) => {
      if (!command.ok) {
        release();
        return refuse(call, command.code, command.detail);
      }
      if (key === undefined) return accept(call, type, command, undefined, release);
      if (isUsableKey(key)) return accept(call, type, command, { key, digest: digest ?? "" }, release);
      release();
      const detail = "the Idempotency-Key must be 1 to 255 visible ASCII characters";
      refuse(call, "idempotency_key_invalid", detail);
    });
  }

  function accept(
    call: Call,
    type: string,
    { session, body }: Extract<Command, { ok: true }>,
    keyed: { key: string; digest: string } | undefined,
    release: () => void,
  ): void {
    const { route } = call;
    call.session = session;
    const id = keyed === undefined ? deps.newId() : deps.keyedId(session, route.write, keyed.key, route.run);
    call.id = id;
    call.span?.set({ "runner_relay.event.id": id, "runner_relay.session.id": session });
    if (keyed !== undefined) {
      const repeat = repeats.begin(id, keyed.digest, (conclusion) => void conclude(call, conclusion));
      if (repeat.kind !== "first") release();
      if (repeat.kind === "conflict") {
        return refuse(call, "idempotency_key_reused", "the Idempotency-Key was used with another body");
      }
      if (repeat.kind === "stored") return void conclude(call, repeat.conclusion);
      if (repeat.kind === "following") return;
    }
    const address = addressOf(session);
    const { shard } = address;
    if (!backlog.admits(session, shard)) {
      release();
      const outcome = {
        kind: "failed",
        code: "session_backlog_full",
        detail: "too many events of this session wait",
      } as const;
      if (keyed !== undefined) repeats.end(id, { kind: "failed", outcome });
      return refuse(call, outcome.code, outcome.detail);
    }
    const waitMs = waitOf(call, session, shard);
    const exchange = waiting.open(id, shard, waitMs, (conclusion) => {
      const told = conclude(call, conclusion);
      if (keyed !== undefined) repeats.end(id, conclusion);
      return told;
    });
    const publishing = tracing?.span({
      name: `publish ${EVENTS_STREAM}`,
      kind: "producer",
      parent: call.trace,
      attributes: {
        "messaging.system": "nats",
        "messaging.operation.name": "publish",
        "messaging.operation.type": "send",
        "messaging.destination.name": EVENTS_STREAM,
        "messaging.message.id": id,
        "messaging.message.body.size": body.length,
        "runner_relay.event.id": id,
        "runner_relay.session.id": session,
        "runner_relay.run.id": route.run?.id,
        "runner_relay.kind": route.write,
      },
    });
    const bytes = body.length;
    committer.add({
      id,
      keyed: keyed !== undefined,
      kind: route.write,
      session,
      run: route.run,
      subject: address.of[route.write].subject,
      lines: address.of[route.write].lines,
      receivedAt: clock.wall(),
      type,
      body,
      answer: waitMs === undefined ? undefined : deps.answerSubject(id),
      trace: publishing?.context ?? call.trace,
      settle(outcome) {
        release(); // the body is empty from here on
        if (publishing !== undefined) endPublishing(publishing, outcome);
        if (outcome.kind === "stored") {
          counts.accepted++;
          if (!outcome.duplicate) backlog.stored(session, shard, bytes);
        }
        waiting.settled(exchange, outcome);
      },
    });
  }

  /** How long to wait for the coordinator's answer; undefined: not at all (docs/contract.md, "The answer"). */
  function waitOf(call: Call, session: string, shard: number): number | undefined {
    const { prefer } = call;
    const waitMs = prefer.waitMs ?? (prefer.async ? 0 : deps.answerWaitMs);
    if (prefer.async && prefer.waitMs === undefined) call.applied = "respond-async";
    if (waitMs === 0) {
      if (prefer.waitMs === 0) call.applied = "wait=0";
      return undefined;
    }
    const reason = relays.noWait(shard, session, clock.now());
    if (reason !== undefined) {
      counts.notWaited[reason]++;
      return undefined;
    }
    if (prefer.waitMs !== undefined) call.applied = `wait=${prefer.waitMs / 1000}`;
    return Math.max(1, waitMs - (clock.now() - call.startedAt));
  }

  function conclude(call: Call, conclusion: Conclusion): boolean {
    switch (conclusion.kind) {
      case "failed":
        refuse(call, conclusion.outcome.code, conclusion.outcome.detail);
        return true;
      case "accepted":
        return tellAccepted(call, conclusion.stored);
      case "answer":
        try {
          return tellAnswer(call, conclusion.answer);
        } catch (error) {
          // Headers that cannot be sent, for one. The event is stored all the same.
          logger.error({ ...lineOf(call), err: error }, "answer of the coordinator cannot be handed out");
          return tellAccepted(call, conclusion.stored);
        }
    }
  }

  function tellAccepted(call: Call, stored: Stored): boolean {
    counts.answeredAccepted++;
    const { streamSeq, number } = stored;
    const id = call.id ?? "";
    const seq = number === undefined ? "null" : `"${showNumber(number)}"`;
    const headers: Record<string, string> = {
      "content-type": "application/json",
      location: `/_relay/deliveries/${id}?seq=${streamSeq}`,
    };
    if (call.applied !== undefined) headers["preference-applied"] = call.applied;
    // All parts are ours and need no escaping.
    const body = `{"ok":true,"status":"accepted","event_id":"${id}","stream_seq":${streamSeq},"session_seq":${seq},"durability":"${deps.durability()}"}`;
    return finish(call, send(call.response, 202, headers, body), 202);
  }

  function tellAnswer(call: Call, answer: CoordinatorAnswer): boolean {
    const { status, headers, body } = handoutOf(answer);
    if (call.applied !== undefined) headers["preference-applied"] = call.applied;
    const told = send(call.response, status, headers, body);
    counts.answeredByCoordinator++;
    return finish(call, told, status);
  }

  function finish(call: Call, told: boolean, status: number): boolean {
    if (!told) counts.clientGone++;
    if (logger.isLevelEnabled("debug")) logger.debug({ ...lineOf(call), status, told }, "write answered");
    return told;
  }

  function refuse(call: Call, code: HttpErrorCode, detail: string): void {
    counts.refused(code);
    call.span?.set({ "runner_relay.code": code });
    const { request, response } = call;
    if (request.complete) sendProblem(response, code, detail);
    else refuseUnread(request, response, code, detail);
    logger.warn({ ...lineOf(call), code, detail }, "write refused");
  }

  function lineOf(call: Call): Record<string, unknown> {
    const { request, route, session, id, trace, startedAt } = call;
    const given = requestIdOf(request.headers);
    return {
      kind: route.write,
      session,
      event: id,
      ...(given === undefined ? {} : { request: given }),
      ...(trace === undefined ? {} : { trace: traceIdOf(trace) }),
      ms: Math.round(clock.now() - startedAt),
    };
  }

  return serve;
}

/** The log's word: where it lies, or why it does not. */
function endPublishing(span: Span, outcome: Outcome): void {
  if (outcome.kind === "failed") return span.end(outcome.code);
  span.set({ "runner_relay.stream.seq": outcome.streamSeq, "runner_relay.duplicate": outcome.duplicate });
  span.end();
}
