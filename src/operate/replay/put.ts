import { headers, type NatsConnection } from "@nats-io/nats-core";
import { readAck } from "../../shared/log/append/ack.ts";
import { encodeEnvelope, type Envelope } from "../../shared/log/schema/envelope.ts";
import { codedError, errorText } from "../../shared/base/errors.ts";
import { HEADER } from "../../shared/base/headers.ts";
import { eventSubject } from "../../shared/log/schema/subjects.ts";
import { EVENTS_STREAM } from "../../shared/log/schema/topology.ts";

/** Headers that a replayed message copies from the original. */
const KEPT = [
  HEADER.session,
  HEADER.seq,
  HEADER.kind,
  HEADER.schema,
  HEADER.receivedAt,
  HEADER.contentType,
  HEADER.trace,
];
const TIMEOUT_MS = 3000;
/** How long an absent broker is retried. Then the command ends, and `--resume` can continue it. */
const PATIENCE_MS = 30_000;

/** An event to be requeued. */
export type Again = {
  /** The event's sequence in the log. */
  seq: number;
  headers: ReadonlyMap<string, string>;
  envelope: Envelope;
};

/** Message id of an event in a run. It is the same for every attempt, so that the broker recognizes duplicates. */
function replayId(run: string, eventId: string): string {
  return `replay-${run}-${eventId}`;
}

/**
 * Requeues one event at the end of the log, marked with its original and its run. Resolves with its sequence when the broker has it on disk. If
 * the outcome is unknown, the same message is published again, and the broker recognizes it by its id, so that events put one after the other stay
 * in order (ORDER-1). One at a time is fast enough for a replay (ADR 0011). The address for an answer is left out, because no executor waits for
 * one any more. Throws `log_full`, `log_refused`, and `log_unreachable` if the broker stays away.
 */
export async function putAgain(
  { nc, shardCount }: { nc: NatsConnection; shardCount: number },
  run: string,
  again: Again,
): Promise<number> {
  const { seq, envelope } = again;
  const head = headers();
  for (const name of KEPT) {
    const value = again.headers.get(name);
    if (value !== undefined) head.set(name, value);
  }
  const replayOf = `${EVENTS_STREAM}:${seq}`;
  head.set(HEADER.id, replayId(run, envelope.id));
  head.set(HEADER.replayOf, replayOf);
  head.set(HEADER.replayRun, run);
  const { answer: _, ...kept } = envelope;
  const payload = encodeEnvelope({ ...kept, replayOf });
  const subject = eventSubject(envelope.runner, envelope.session, envelope.kind, shardCount, "replay");
  const giveUpAt = performance.now() + PATIENCE_MS;
  for (;;) {
    let reply;
    try {
      reply = await nc.request(subject, payload, { headers: head, timeout: TIMEOUT_MS });
    } catch (cause) {
      const text = errorText(cause);
      if (/permissions/i.test(text)) throw codedError("log_refused", text, { cause });
      if (nc.isClosed() || performance.now() > giveUpAt) throw codedError("log_unreachable", text, { cause });
      continue;
    }
    const ack = readAck(reply.string());
    if (ack.kind === "stored") return ack.seq;
    const isFull = ack.kind === "refused" && ack.refusal === "log_full";
    throw codedError(isFull ? "log_full" : "log_refused", `event ${envelope.id}: ${ack.detail}`);
  }
}
