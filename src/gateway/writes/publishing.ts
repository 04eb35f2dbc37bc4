import type { Span, Tracing } from "../../shared/base/tracing.ts";
import type { Outcome } from "../../shared/log/append/write.ts";
import { EVENTS_STREAM } from "../../shared/log/schema/topology.ts";
import type { WriteCall } from "./write-call.ts";

/** The span of an event's way into the log; undefined if nothing is traced. */
export function publishingSpan(
  tracing: Tracing | undefined,
  call: WriteCall,
  bytes: number,
): Span | undefined {
  return tracing?.span({
    name: `publish ${EVENTS_STREAM}`,
    kind: "producer",
    parent: call.trace,
    attributes: {
      "messaging.system": "nats",
      "messaging.operation.name": "publish",
      "messaging.operation.type": "send",
      "messaging.destination.name": EVENTS_STREAM,
      "messaging.message.id": call.id,
      "messaging.message.body.size": bytes,
      "runner_relay.event.id": call.id,
      "runner_relay.session.id": call.session,
      "runner_relay.run.id": call.route.run?.id,
      "runner_relay.kind": call.route.write,
    },
  });
}

/** Ends it with the log's word: where the event lies, or why it does not. */
export function endPublishing(span: Span, outcome: Outcome): void {
  if (outcome.kind === "failed") return span.end(outcome.code);
  span.set({ "runner_relay.stream.seq": outcome.streamSeq, "runner_relay.duplicate": outcome.duplicate });
  span.end();
}
