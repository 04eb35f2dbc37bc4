import type { Clock } from "../../shared/base/clock.ts";
import { UPSTREAM_HEADER } from "../../shared/base/headers.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { pathSegment } from "../../shared/log/schema/session-id.ts";
import type { Span } from "../../shared/base/tracing.ts";
import type { Credentials } from "../../shared/credentials/index.ts";
import type { Coordinator } from "../coordinator/client.ts";
import type { Gate } from "../coordinator/gate.ts";
import { endAttempt, type EventSpans } from "../coordinator/spans.ts";
import { verdictOf, type AttemptResult, type Verdict } from "../coordinator/verdict.ts";
import type { AttemptReport } from "./attempt-report.ts";
import { ACCEPTED, batchBody, resultsOf, type Response } from "./batch-wire.ts";
import type { Entry, Lane, Ending, TurnContext, TurnOutcome } from "../lanes/index.ts";
import { closedInUse, type Judged, type Turn } from "./turn.ts";

/** 650 bytes for each of a hundred results. */
const LONG_ANSWER_BYTES: number = 64 * 1024;
/** Only these say that something in the batch is wrong; the batch is then halved until the one event stands alone. */
const BISECTED = new Set([400, 413, 422]);

const DELIVERED: Verdict = { kind: "delivered" };
const UNANSWERED: Verdict & { kind: "retry" } = {
  kind: "retry",
  reason: "no result for the event",
  connection: false,
  failure: false,
};

/** The coordinator's word on one event of a batch; undefined: it says none. */
function itemVerdict(result: Response | undefined, wallMs: number): Verdict {
  if (result === undefined) return UNANSWERED;
  return result.body === ACCEPTED ? DELIVERED : verdictOf(result, "event", wallMs);
}

/** More than a hundred results need, unless they quote what was refused. */
function isTooLong(result: AttemptResult): boolean {
  return result.kind === "response" && result.body.length > LONG_ANSWER_BYTES;
}

/** What became of the batch as a whole says nothing about its first event. */
function together(entries: readonly Entry[], outcome: TurnOutcome): TurnOutcome {
  return outcome.kind === "retry" ? { ...outcome, together: entries.length } : outcome;
}

export type BatchDeps = {
  clock: Clock;
  log: Logger;
  coordinator: Coordinator;
  credentials: Credentials;
  gate: Gate;
  /** Path with `{session_id}` in it. */
  template: string;
  streamEpoch: number;
  /** One entry alone, and what a verdict on one means: the same as without batches. */
  turn: Turn;
  /** Undefined: nothing is traced. */
  spans?: EventSpans | undefined;
  report?: AttemptReport;
};

/** Sends several entries of one lane as one request, and finds the one that spoils it (docs/contract.md, "Batches"). */
export function createBatchTurn(
  deps: BatchDeps,
): (lane: Lane, entries: Entry[], context: TurnContext) => Promise<TurnOutcome> {
  const { clock, log, coordinator, credentials, gate, spans: tracer } = deps;

  return async function batchTurn(lane, entries, context) {
    const settled = new Map<Entry, Ending>();
    let next: TurnOutcome | undefined;
    try {
      next = await send(lane, entries, context, settled);
    } catch (error) {
      log.error({ err: error, session: lane.session }, "batch failed");
      next = { kind: "retry", reason: "internal", counts: false }; // what is settled stays settled
    }
    return { kind: "batch", settled, next };
  };

  /** Sends entries in order; stops at the first that cannot be settled, and returns why. */
  async function send(
    lane: Lane,
    entries: Entry[],
    context: TurnContext,
    settled: Map<Entry, Ending>,
  ): Promise<TurnOutcome | undefined> {
    const [first] = entries;
    if (first?.envelope === undefined) return { kind: "again" };
    if (entries.length === 1) return note(first, await deps.turn.single(lane, first, context), settled);
    const pass = credentials.current() ?? (await credentials.headers());
    if (pass.kind === "unavailable") return firstAlone(lane, first, context, settled); // pauses with the reason
    if (!first.source.mayForward()) return { kind: "fenced" };
    if (context.paused()) return { kind: "again" };

    const began = clock.now();
    // one span for each, in its own event's trace; the coordinator's are below the first one's
    const spans = new Map<Entry, Span>();
    for (const entry of tracer === undefined ? [] : entries) {
      const { envelope, seq } = entry;
      if (envelope === undefined) continue;
      const tries = entry === first ? lane.attempts + 1 : 1;
      const span = tracer?.attempt({ entry, envelope, streamSeq: seq }, tries, entries.length);
      if (span !== undefined) spans.set(entry, span);
    }
    const attempt = coordinator.send({
      method: "POST",
      path: deps.template.replaceAll("{session_id}", pathSegment(first.envelope.session)),
      headers: {
        "content-type": "application/json",
        accept: "application/json",
        [UPSTREAM_HEADER.streamSeq]: `${deps.streamEpoch}-${first.seq}`,
        ...spans.get(first)?.context,
        ...pass.headers,
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
    for (const [entry, span] of spans) {
      const own = results?.get(entry.envelope?.id ?? "");
      if (results === undefined) endAttempt(span, kind, result);
      else endAttempt(span, itemVerdict(own, clock.wall()).kind, own ?? result);
    }
    deps.report?.attempted(kind, clock.now() - began);
    const status = result.kind === "response" ? result.status : undefined;
    if (log.isLevelEnabled("debug"))
      log.debug(
        {
          session: lane.session,
          events: entries.map((entry) => entry.envelope?.id),
          verdict: kind,
          status,
          ms: clock.now() - began,
        },
        "batch forwarded",
      );

    if (closedInUse(lane, result)) return { kind: "again" };
    if (verdict.kind === "dead") {
      gate.answered(lane.token);
      if (!BISECTED.has(verdict.status)) return firstAlone(lane, first, context, settled);
      const middle = Math.ceil(entries.length / 2);
      return (
        (await send(lane, entries.slice(0, middle), context, settled)) ??
        (await send(lane, entries.slice(middle), context, settled))
      );
    }
    const judged: Judged = {
      lane,
      entry: first,
      verdict,
      result,
      generation: pass.generation,
      probe: context.probe,
    };
    if (verdict.kind !== "delivered") return together(entries, await deps.turn.conclude(judged));
    // each alone has an answer that can be judged
    if (results === undefined && isTooLong(result)) return firstAlone(lane, first, context, settled);
    if (results === undefined) {
      const reason = "the batch endpoint answers without results";
      const spoiled: Verdict = { kind: "retry", reason, connection: false, failure: true };
      return together(entries, await deps.turn.conclude({ ...judged, verdict: spoiled }));
    }
    return judgeEach(judged, entries, results, settled);
  }

  /** The others come in the next turn: what follows them must not overtake them (ORDER-1). */
  async function firstAlone(
    lane: Lane,
    first: Entry,
    context: TurnContext,
    settled: Map<Entry, Ending>,
  ): Promise<TurnOutcome> {
    return note(first, await deps.turn.single(lane, first, context), settled) ?? { kind: "again" };
  }

  /** Settles what the coordinator settled, each by its own verdict; the first other outcome is the batch's. */
  async function judgeEach(
    judged: Judged,
    entries: Entry[],
    results: Map<string, Response>,
    settled: Map<Entry, Ending>,
  ): Promise<TurnOutcome | undefined> {
    let next: TurnOutcome | undefined;
    for (const entry of entries) {
      const result = results.get(entry.envelope?.id ?? "");
      if (result === undefined) {
        next ??= together(
          entries.filter((other) => !results.has(other.envelope?.id ?? "")),
          { kind: "retry", reason: UNANSWERED.reason, counts: true },
        );
        continue;
      }
      const verdict = itemVerdict(result, clock.wall());
      const outcome = await deps.turn.conclude({ ...judged, entry, verdict, result });
      const other = note(entry, outcome, settled);
      next ??= other;
    }
    return next;
  }

  function note(entry: Entry, outcome: TurnOutcome, settled: Map<Entry, Ending>): TurnOutcome | undefined {
    if (outcome.kind !== "settled") return outcome;
    settled.set(entry, outcome.how);
    return undefined;
  }
}
