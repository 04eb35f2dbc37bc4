import type { Clock } from "../../shared/base/clock.ts";
import type { Envelope } from "../../shared/log/schema/envelope.ts";
import { EVENTS_STREAM } from "../../shared/log/schema/topology.ts";
import type { Attributes, Span, TraceContext, Tracing } from "../../shared/base/tracing.ts";
import type { AttemptKind, AttemptResult } from "./verdict.ts";

/** What is traced of an event at the relay: the wait until it is first sent, and every attempt. */
export type EventSpans = {
  /** Begins an attempt; the first one of an event ends its wait. `batch`: events that go together. */
  attempt(event: Sent, attempt: number, batch?: number): Span;
  /** The event is settled without an attempt. */
  superseded(event: Sent): void;
};

/** One event as it is sent. `entry` is the object that represents it here; entries are compared by identity. */
export type Sent = { entry: object; envelope: Envelope; streamSeq: number };

/** Paths of the coordinator with names in the place of ids. */
const TEMPLATES: Record<Envelope["kind"], string> = {
  bind: "/sessions/{session_id}/bind",
  event: "/sessions/{session_id}/events",
  metadata: "/sessions/{session_id}/metadata",
  run: "/runner/runs/{run_id}/{report}",
};

/** The context that an event carries. Pure. */
export function traceOfEnvelope({ trace, tracestate }: Envelope): TraceContext | undefined {
  if (trace === undefined) return undefined;
  return tracestate === undefined ? { traceparent: trace } : { traceparent: trace, tracestate };
}

/** The coordinator's address, as client spans name it. Pure. */
export function serverAttributes(coordinatorUrl: string): Attributes {
  const { hostname, port, protocol } = new URL(coordinatorUrl);
  return {
    "server.address": hostname,
    "server.port": Number(port) || (protocol === "https:" ? 443 : 80),
    "url.scheme": protocol.slice(0, -1),
  };
}

/** The result of an attempt. */
export function endAttempt(span: Span, verdict: AttemptKind, result: AttemptResult): void {
  span.set({
    "runner_relay.verdict": verdict,
    "http.response.status_code": result.kind === "response" ? result.status : undefined,
  });
  if (verdict === "delivered") span.end(); // a 409 for a duplicate too
  else if (result.kind === "failed") span.end(result.cause);
  else span.end(result.status >= 400 ? String(result.status) : verdict);
}

/**
 * Spans of events. Each attempt is a child of the span in which the gateway stored the event. So no span has to stay open during an outage, and a relay
 * that takes over continues the same trace.
 */
export function createEventSpans(tracing: Tracing, coordinatorUrl: string, clock: Clock): EventSpans {
  const server = serverAttributes(coordinatorUrl);
  const waited = new WeakSet<object>();

  function ids({ envelope, streamSeq }: Sent): Attributes {
    return {
      "runner_relay.event.id": envelope.id,
      "runner_relay.session.id": envelope.session,
      "runner_relay.run.id": envelope.run?.id,
      "runner_relay.kind": envelope.kind,
      "runner_relay.stream.seq": streamSeq,
    };
  }

  /** From the event's acceptance, by the gateway's clock. */
  function wait(event: Sent, settlement?: string): void {
    if (waited.has(event.entry)) return;
    waited.add(event.entry);
    const span = tracing.span({
      name: `receive ${EVENTS_STREAM}`,
      kind: "consumer",
      parent: traceOfEnvelope(event.envelope),
      attributes: {
        "messaging.system": "nats",
        "messaging.operation.name": "receive",
        "messaging.operation.type": "receive",
        "messaging.destination.name": EVENTS_STREAM,
        "messaging.message.id": event.envelope.id,
        "runner_relay.settlement": settlement,
        ...ids(event),
      },
      startedAt: Math.min(event.envelope.at, clock.wall()),
    });
    span.end();
  }

  return {
    attempt(event, attempt, batch) {
      wait(event);
      const { envelope } = event;
      const method = envelope.kind === "metadata" ? "PATCH" : "POST";
      const template = TEMPLATES[envelope.kind];
      return tracing.span({
        name: `${method} ${template}`,
        kind: "client",
        parent: traceOfEnvelope(envelope),
        attributes: {
          ...server,
          "http.request.method": method,
          "url.template": template,
          "http.request.resend_count": attempt > 1 ? attempt - 1 : undefined,
          "messaging.batch.message_count": batch,
          "runner_relay.attempt": attempt,
          ...ids(event),
        },
      });
    },
    superseded: (event) => wait(event, "superseded"),
  };
}
