import type { Clock } from "../../shared/base/clock.ts";
import { UPSTREAM_HEADER } from "../../shared/base/headers.ts";
import type { Logger } from "../../shared/base/logger.ts";
import type { Span } from "../../shared/base/tracing.ts";
import { pathSegment } from "../../shared/log/schema/session-id.ts";
import type { Coordinator } from "../coordinator/client.ts";
import { endAttempt, type EventSpans } from "../coordinator/spans.ts";
import { verdictOf, type AttemptKind, type AttemptResult, type Verdict } from "../coordinator/verdict.ts";
import type { Entry, Lane, TurnContext } from "../lanes/index.ts";
import type { AttemptReport } from "./attempt-report.ts";
import { ACCEPTED, batchBody, resultsOf, type Response } from "./batch-wire.ts";

const DELIVERED: Verdict = { kind: "delivered" };
/** An event for which the coordinator's answer has no result. */
export const UNANSWERED: Verdict & { kind: "retry" } = {
  kind: "retry",
  reason: "no result for the event",
  connection: false,
  failure: false,
};

export type BatchAttemptDeps = {
  clock: Clock;
  log: Logger;
  coordinator: Coordinator;
  /** Path with `{session_id}` in it. */
  template: string;
  streamEpoch: number;
  /** Undefined: nothing is traced. */
  spans?: EventSpans | undefined;
  report?: AttemptReport;
};

/** The result of one request with several events. */
export type BatchAnswer = {
  result: AttemptResult;
  /** On the request as a whole. */
  verdict: Verdict;
  /** By event id. Undefined: the answer has none that can be read. */
  results: Map<string, Response> | undefined;
};

/** The coordinator's answer for one event of a batch; undefined if it gave none. Pure. */
export function itemVerdict(result: Response | undefined, wallMs: number): Verdict {
  if (result === undefined) return UNANSWERED;
  return result.body === ACCEPTED ? DELIVERED : verdictOf(result, "event", wallMs);
}

/** One span for each, in its own event's trace; the coordinator's are below the first one's. */
function beginSpans(spans: EventSpans | undefined, lane: Lane, entries: readonly Entry[]): Map<Entry, Span> {
  const begun = new Map<Entry, Span>();
  if (spans === undefined) return begun;
  for (const [at, entry] of entries.entries()) {
    const { envelope, seq } = entry;
    if (envelope === undefined) continue;
    const tries = at === 0 ? lane.attempts + 1 : 1;
    begun.set(entry, spans.attempt({ entry, envelope, streamSeq: seq }, tries, entries.length));
  }
  return begun;
}

function endSpans(spans: Map<Entry, Span>, kind: AttemptKind, answer: BatchAnswer, wallMs: number): void {
  const { results, result } = answer;
  for (const [entry, span] of spans) {
    const own = results?.get(entry.envelope?.id ?? "");
    if (results === undefined) endAttempt(span, kind, result);
    else endAttempt(span, itemVerdict(own, wallMs).kind, own ?? result);
  }
}

function logBatch(
  log: Logger,
  { session, entries }: { session: string; entries: readonly Entry[] },
  line: { verdict: AttemptKind; status: number | undefined; ms: number },
): void {
  if (!log.isLevelEnabled("debug")) return;
  const events = entries.map((entry) => entry.envelope?.id);
  log.debug({ session, events, ...line }, "batch forwarded");
}

/** Sends entries of one lane as one request, and reads the answer. `auth`: the headers of the credential. */
export async function attemptBatch(
  deps: BatchAttemptDeps,
  { lane, entries, first }: { lane: Lane; entries: readonly Entry[]; first: Entry },
  auth: Readonly<Record<string, string>>,
  context: Pick<TurnContext, "began">,
): Promise<BatchAnswer> {
  const { clock, log } = deps;
  const { session } = lane;
  const began = clock.now();
  const spans = beginSpans(deps.spans, lane, entries);
  const attempt = deps.coordinator.send({
    method: "POST",
    path: deps.template.replaceAll("{session_id}", pathSegment(session)),
    headers: {
      "content-type": "application/json",
      accept: "application/json",
      [UPSTREAM_HEADER.streamSeq]: `${deps.streamEpoch}-${first.seq}`,
      ...spans.get(first)?.context,
      ...auth,
    },
    body: batchBody(entries),
    fresh: lane.fresh,
  });
  context.began(attempt);
  const result = await attempt.result;
  const verdict = verdictOf(result, "event", clock.wall());
  const kind = verdict.kind === "dead" ? "divided" : verdict.kind; // nothing died of it: each event is judged by itself
  const results =
    verdict.kind === "delivered" && result.kind === "response"
      ? await resultsOf(result.body, new Set(entries.map((entry) => entry.envelope?.id ?? "")))
      : undefined;
  const answer = { result, verdict, results };
  endSpans(spans, kind, answer, clock.wall());
  const ms = clock.now() - began;
  deps.report?.attempted(kind, ms, result);
  const status = result.kind === "response" ? result.status : undefined;
  logBatch(log, { session, entries }, { verdict: kind, status, ms });
  return answer;
}
