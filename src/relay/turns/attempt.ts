import type { Clock } from "../../shared/base/clock.ts";
import type { Envelope } from "../../shared/log/schema/envelope.ts";
import { UPSTREAM_HEADER } from "../../shared/base/headers.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { traceIdOf, type TraceContext } from "../../shared/base/tracing.ts";
import { ask } from "../coordinator/ask.ts";
import { clarified } from "../coordinator/clarify.ts";
import type { Coordinator } from "../coordinator/client.ts";
import { endAttempt, traceOfEnvelope, type EventSpans } from "../coordinator/spans.ts";
import { targetOf } from "../coordinator/target.ts";
import { verdictOf, type AttemptResult, type Verdict } from "../coordinator/verdict.ts";
import type { Entry, Lane, TurnContext } from "../lanes/index.ts";
import type { AttemptReport } from "./attempt-report.ts";

export type AttemptDeps = {
  clock: Clock;
  log: Logger;
  coordinator: Coordinator;
  /** Creation of the stream, milliseconds: with it a sequence is unique for ever. */
  streamEpoch: number;
  /** Undefined: nothing is traced. */
  spans?: EventSpans | undefined;
  report?: AttemptReport;
};

type AttemptLine = { lane: Lane; entry: Entry; envelope: Envelope; verdict: Verdict; result: AttemptResult };

/** The headers of one event, with what makes a repeat recognizable. Pure. */
function requestHeaders(
  { entry, envelope, streamEpoch }: { entry: Entry; envelope: Envelope; streamEpoch: number },
  auth: Readonly<Record<string, string>>,
  trace: TraceContext | undefined,
): Record<string, string> {
  const headers: Record<string, string> = {
    "content-type": envelope.type,
    accept: "application/json",
    [UPSTREAM_HEADER.key]: envelope.id,
    [UPSTREAM_HEADER.sessionSeq]: `${envelope.epoch}-${envelope.seq}`,
    [UPSTREAM_HEADER.streamSeq]: `${streamEpoch}-${entry.seq}`,
    ...auth,
  };
  if (envelope.replayOf !== undefined) headers[UPSTREAM_HEADER.replay] = envelope.replayOf;
  if (trace !== undefined) headers[UPSTREAM_HEADER.trace] = trace.traceparent;
  if (trace?.tracestate !== undefined) headers[UPSTREAM_HEADER.traceState] = trace.tracestate;
  return headers;
}

/** One wide line per attempt. */
function logAttempt(log: Logger, { lane, entry, envelope, verdict, result }: AttemptLine, ms: number): void {
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

/** Sends one event to the coordinator, and judges the answer. `auth`: the headers of the credential. */
export async function attemptOne(
  deps: AttemptDeps,
  { lane, entry, envelope }: { lane: Lane; entry: Entry; envelope: Envelope },
  auth: Readonly<Record<string, string>>,
  context: Pick<TurnContext, "began">,
): Promise<{ verdict: Verdict; result: AttemptResult }> {
  const { clock, streamEpoch, report } = deps;
  const began = clock.now();
  const span = deps.spans?.attempt({ entry, envelope, streamSeq: entry.seq }, lane.attempts + 1);
  const trace = span?.context ?? traceOfEnvelope(envelope);
  const attempt = deps.coordinator.send({
    ...targetOf(envelope),
    headers: requestHeaders({ entry, envelope, streamEpoch }, auth, trace),
    body: envelope.body,
    fresh: lane.fresh,
  });
  context.began(attempt);
  const result = await attempt.result;
  const health = (): Promise<AttemptResult> => ask(deps, "/health", auth);
  const verdict = await clarified(verdictOf(result, envelope.kind, clock.wall()), health);
  if (span !== undefined) endAttempt(span, verdict.kind, result);
  const ms = clock.now() - began;
  report?.attempted(verdict.kind, ms, result);
  logAttempt(deps.log, { lane, entry, envelope, verdict, result }, ms);
  return { verdict, result };
}

/**
 * A kept connection was closed in the moment in which it was used. That is no failure of the coordinator, and there is nothing to wait for. It is repeated
 * once for each head; otherwise an event at which a server always hangs up would be sent for ever. The lane remembers the repetition.
 */
export function closedInUse(lane: Lane, result: AttemptResult): boolean {
  if (lane.fresh || result.kind !== "failed" || result.cause !== "closed") return false;
  lane.fresh = true;
  return true;
}
