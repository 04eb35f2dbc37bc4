import type { Clock } from "../../shared/base/clock.ts";
import type { Envelope } from "../../shared/log/schema/envelope.ts";
import { UPSTREAM_HEADER } from "../../shared/base/headers.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { traceIdOf, type TraceContext } from "../../shared/base/tracing.ts";
import type { Credentials } from "../../shared/credentials/index.ts";
import type { Answers } from "../coordinator/answers.ts";
import { ask } from "../coordinator/ask.ts";
import { clarified } from "../coordinator/clarify.ts";
import type { Coordinator } from "../coordinator/client.ts";
import type { DeadLetters, Death } from "../coordinator/dead-letters.ts";
import type { Gate } from "../coordinator/gate.ts";
import { FRESH_BIND_MS, judgeLateBind } from "../coordinator/late-bind.ts";
import { RefusedTokens } from "../coordinator/refused-tokens.ts";
import { endAttempt, traceOfEnvelope, type EventSpans } from "../coordinator/spans.ts";
import type { Superseded } from "../coordinator/superseded.ts";
import { targetOf } from "../coordinator/target.ts";
import { verdictOf, type AttemptResult, type Verdict } from "../coordinator/verdict.ts";
import type { Entry, Lane, TurnContext, TurnOutcome } from "../lanes/index.ts";
import type { AttemptReport } from "./attempt-report.ts";

/** What becomes of a report whose runner the coordinator does not know. `forMs`: since it said so first, of its time here; `tried`: it took the registration. */
export type Homecomings = (report: {
  session: string;
  body: Uint8Array;
  forMs: number;
  tried: boolean;
}) => Promise<
  { kind: "again" } | { kind: "wait"; afterMs: number; reason: string } | { kind: "dead"; reason: string }
>;

export type PoisonPolicy = "skip" | "park" | "stop";

export type TurnDeps = {
  clock: Clock;
  log: Logger;
  coordinator: Coordinator;
  credentials: Credentials;
  gate: Gate;
  answers: Answers;
  deadLetters: DeadLetters;
  superseded: Superseded;
  homecoming: Homecomings;
  policy: PoisonPolicy;
  /** Creation of the stream, milliseconds: with it a sequence is unique for ever. */
  streamEpoch: number;
  /** Undefined: nothing is traced. */
  spans?: EventSpans | undefined;
  report?: AttemptReport;
};

/**
 * Asked with credentials after a refusal. A session that does not exist, so that what the coordinator has against one session is not
 * taken for a refusal of all (ISOLATE-1); it answers `not_existent`, cheaply.
 */
const HARMLESS_PATH = "/sessions/runner-relay-asks/status";

/** A lane's turn alone, and what a verdict means for one entry. */
export type Turn = {
  single: (lane: Lane, entry: Entry, context: TurnContext) => Promise<TurnOutcome>;
  conclude: (judged: Judged) => Promise<TurnOutcome>;
};

/** One entry with the coordinator's word on it. */
export type Judged = {
  lane: Lane;
  entry: Entry;
  verdict: Verdict;
  result: AttemptResult;
  /** Of the credential that was sent. */
  generation: number;
  probe: boolean;
};

/**
 * A kept connection was closed as it was used: no failure of the coordinator, and nothing to wait for. Once for each head, or an event at which a server
 * always hangs up would be sent in a circle. Notes in the lane that it was so.
 */
export function closedInUse(lane: Lane, result: AttemptResult): boolean {
  if (lane.fresh || result.kind !== "failed" || result.cause !== "closed") return false;
  lane.fresh = true;
  return true;
}

/** One turn: the head of a lane, from the checks before it is sent to what its verdict means. */
export function createTurn(deps: TurnDeps): Turn {
  const { clock, log, coordinator, credentials, gate, answers, spans } = deps;
  const refused = new RefusedTokens();

  async function single(lane: Lane, entry: Entry, context: TurnContext): Promise<TurnOutcome> {
    const { envelope, death } = entry;
    if (envelope === undefined) return { kind: "again" };
    if (death !== undefined) return bury(entry, envelope, death);
    const pass = credentials.current() ?? (await credentials.headers());
    if (pass.kind === "unavailable") {
      gate.pause("token_unavailable", pass.reason);
      return { kind: "again" };
    }
    if (!entry.source.mayForward()) return { kind: "fenced" }; // a token may take longer than a lease lasts
    if (context.paused()) return { kind: "again" };

    if (envelope.kind === "bind" && isLate(entry, envelope)) {
      const get = (path: string): Promise<AttemptResult> => ask(deps, path, pass.headers);
      const judged = await judgeLateBind(envelope, get);
      if (judged.kind === "undecided") {
        const { reason, result } = judged;
        log.info({ event: envelope.id, session: envelope.session, reason }, "late bind undecided");
        const verdict = verdictOf(result, "event", clock.wall());
        // a coordinator that does not answer the question, or refuses our credentials, does the same for events
        if (verdict.kind === "retry" || verdict.kind === "unauthorized")
          return conclude({
            lane,
            entry,
            verdict,
            result,
            generation: pass.generation,
            probe: context.probe,
          });
        return { kind: "retry", reason, counts: true };
      }
      if (judged.kind === "superseded") {
        await deps.superseded.put(envelope.id, judged.reason);
        spans?.superseded({ entry, envelope, streamSeq: entry.seq });
        log.warn({ event: envelope.id, session: envelope.session, reason: judged.reason }, "bind superseded");
        return { kind: "settled", how: "superseded" };
      }
      if (!entry.source.mayForward()) return { kind: "fenced" };
      if (context.paused()) return { kind: "again" };
    }

    const began = clock.now();
    const span = spans?.attempt({ entry, envelope, streamSeq: entry.seq }, lane.attempts + 1);
    const attempt = coordinator.send({
      ...targetOf(envelope),
      headers: requestHeaders(entry, envelope, pass.headers, span?.context ?? traceOfEnvelope(envelope)),
      body: envelope.body,
      fresh: lane.fresh,
    });
    context.began(attempt);
    const result = await attempt.result;
    const health = (): Promise<AttemptResult> => ask(deps, "/health", pass.headers);
    const verdict = await clarified(verdictOf(result, envelope.kind, clock.wall()), health);
    if (span !== undefined) endAttempt(span, verdict.kind, result);
    report(lane, entry, envelope, verdict, result, clock.now() - began);
    if (closedInUse(lane, result)) return { kind: "again" };
    return conclude({ lane, entry, verdict, result, generation: pass.generation, probe: context.probe });
  }

  async function conclude({ lane, entry, verdict, result, generation, probe }: Judged): Promise<TurnOutcome> {
    const { envelope } = entry;
    if (envelope === undefined) return { kind: "again" };
    const carryOut = gate.verdict(lane.token, verdict, probe);
    if (verdict.kind !== "unregistered" && entry.unregistered !== undefined) entry.unregistered.again = false;
    if (verdict.kind === "delivered" || verdict.kind === "dead") refused.accepted(clock.now());
    switch (verdict.kind) {
      case "delivered":
        if (entry.waiting && envelope.answer !== undefined && result.kind === "response") {
          entry.waiting = false;
          answers.hand(envelope.answer, result);
        }
        return { kind: "settled", how: "delivered" };
      case "dead": {
        if (!carryOut) return { kind: "again" };
        const died: Death = { reason: verdict.reason, status: verdict.status, attempts: lane.attempts + 1 };
        if (entry.waiting && envelope.answer !== undefined && result.kind === "response") {
          entry.waiting = false;
          died.answered = await answers.handRefusal(envelope.answer, result);
        }
        return bury(entry, envelope, died);
      }
      case "unauthorized":
        return refusedToken(lane, verdict.status, generation);
      case "unregistered":
        return unregistered(lane, entry, envelope);
      case "pause":
        return { kind: "again" };
      case "retry":
        return {
          kind: "retry",
          reason: verdict.reason,
          counts: true,
          ...(verdict.retryAfterMs === undefined ? {} : { retryAfterMs: verdict.retryAfterMs }),
        };
    }
  }

  /**
   * The runner is registered again, and the report sent at once; if that does not help in time, it is a dead letter. No poison policy applies: nothing is wrong
   * with the event, and its session is to go on.
   */
  async function unregistered(lane: Lane, entry: Entry, envelope: Envelope): Promise<TurnOutcome> {
    const seen = (entry.unregistered ??= { since: gate.upMs(), again: false });
    const { session, body } = envelope;
    const home = await deps.homecoming({ session, body, forMs: gate.upMs() - seen.since, tried: seen.again });
    switch (home.kind) {
      case "again":
        seen.again = true;
        return { kind: "again" };
      case "wait":
        return { kind: "retry", reason: home.reason, afterMs: home.afterMs, counts: false };
      case "dead":
        return bury(entry, envelope, {
          reason: home.reason,
          status: 401,
          attempts: lane.attempts + 1,
          decided: true,
        });
    }
  }

  /** Is a bind late? The wall clock decides, but only about asking: a wrong clock costs two questions and never an event. */
  function isLate(entry: Entry, envelope: Envelope): boolean {
    return (
      clock.now() - entry.arrivedAt > FRESH_BIND_MS || Math.abs(clock.wall() - envelope.at) > FRESH_BIND_MS
    );
  }

  function requestHeaders(
    entry: Entry,
    envelope: Envelope,
    auth: Record<string, string>,
    trace: TraceContext | undefined,
  ): Record<string, string> {
    const headers: Record<string, string> = {
      "content-type": envelope.type,
      accept: "application/json",
      [UPSTREAM_HEADER.key]: envelope.id,
      [UPSTREAM_HEADER.sessionSeq]: `${envelope.epoch}-${envelope.seq}`,
      [UPSTREAM_HEADER.streamSeq]: `${deps.streamEpoch}-${entry.seq}`,
      ...auth,
    };
    if (envelope.replayOf !== undefined) headers[UPSTREAM_HEADER.replay] = envelope.replayOf;
    if (trace !== undefined) headers[UPSTREAM_HEADER.trace] = trace.traceparent;
    if (trace?.tracestate !== undefined) headers[UPSTREAM_HEADER.traceState] = trace.tracestate;
    return headers;
  }

  /** Ends a poison event as the policy says: as a dead letter (stored before the event is settled, SETTLE-1), with a parked session, or with a stop. */
  async function bury(entry: Entry, envelope: Envelope, death: Death): Promise<TurnOutcome> {
    const policy = death.decided ? "skip" : deps.policy;
    if (policy === "park") return { kind: "park", reason: death.reason };
    if (policy === "stop") {
      if (death.attempts > 0) entry.death = undefined; // a resume tries it again; what cannot be read is never sent
      gate.pause("poison_stop", `event ${envelope.id} of session ${envelope.session}: ${death.reason}`);
      return { kind: "again" };
    }
    const { id, runner, session, kind } = envelope;
    const payload = entry.data ?? new Uint8Array();
    const stored = await deps.deadLetters.put({
      id,
      runner,
      session,
      kind,
      seq: entry.seq,
      payload,
      death,
    });
    if (stored.kind === "refused") {
      entry.death = death; // the verdict stands: the next turn only tries to store it
      log.error(
        { event: id, session, reason: stored.reason, code: "dead_letters_refused" },
        "dead letter refused",
      );
      return { kind: "retry", reason: `dead letters refused: ${stored.reason}`, counts: false };
    }
    deps.report?.deadLettered(death.answered ?? false);
    const line = {
      event: id,
      session,
      status: death.status,
      reason: death.reason,
      attempts: death.attempts,
      answered: death.answered ?? false,
    };
    if (death.answered) log.info(line, "event dead-lettered, the executor knows");
    else log.error(line, "event dead-lettered");
    return { kind: "settled", how: "dead" };
  }

  /** Handles 401 and 403, which say nothing about the event. A fresh token is tried once; then everything waits if others are refused too, otherwise this lane. */
  async function refusedToken(lane: Lane, status: number, generation: number): Promise<TurnOutcome> {
    credentials.refused(generation);
    if (lane.refusedTokens++ === 0) {
      const fresh = await credentials.headers();
      if (fresh.kind === "unavailable") {
        gate.pause("token_unavailable", fresh.reason);
        return { kind: "again" };
      }
      if (fresh.generation !== generation) return { kind: "again" };
    }
    const pass = await credentials.headers();
    const harmless = pass.kind === "ready" ? await ask(deps, HARMLESS_PATH, pass.headers) : undefined;
    const answered = harmless?.kind === "response" ? harmless.status : undefined;
    if (answered === 401 || answered === 403 || refused.refused(clock.now(), lane.token)) {
      gate.pause("unauthorized", `the coordinator answers ${status}`);
      return { kind: "again" };
    }
    if (answered !== undefined) gate.resume("unauthorized"); // others need not wait for this session
    return { kind: "retry", reason: `status ${status}`, counts: false }; // never a dead letter for a credential matter
  }

  /** One wide line per attempt. */
  function report(
    lane: Lane,
    entry: Entry,
    envelope: Envelope,
    verdict: Verdict,
    result: AttemptResult,
    ms: number,
  ): void {
    deps.report?.attempted(verdict.kind, ms);
    const level = verdict.kind === "delivered" ? "debug" : verdict.kind === "retry" ? "info" : "warn";
    if (!log.isLevelEnabled(level)) return;
    log[level](
      {
        event: envelope.id,
        session: envelope.session,
        ...(envelope.trace === undefined ? {} : { trace: traceIdOf(traceOfEnvelope(envelope)) }),
        kind: envelope.kind,
        seq: entry.seq,
        attempt: lane.attempts + 1,
        verdict: verdict.kind,
        ...("reason" in verdict ? { reason: verdict.reason } : {}),
        ...(result.kind === "response" ? { status: result.status } : { cause: result.cause }),
        ms: Math.round(ms * 10) / 10,
      },
      "forwarded",
    );
  }

  return { single, conclude };
}
