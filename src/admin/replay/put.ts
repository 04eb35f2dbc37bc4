import { randomBytes } from "node:crypto";
import { headers, type MsgHdrs, type NatsConnection } from "@nats-io/nats-core";
import { encodeEnvelope, type Envelope } from "../../shared/envelope.ts";
import { codedError, errorText } from "../../shared/errors.ts";
import { HEADER } from "../../shared/headers.ts";
import { eventSubject } from "../../shared/subjects.ts";
import { EVENTS_STREAM } from "../../shared/topology.ts";

/** Headers that a replayed message takes over from its original. */
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
/** A broker that is away is tried for so long; then the command ends, and `--resume` goes on. */
const PATIENCE_MS = 30_000;
const LOG_FULL = 10077;

/** An event to be put into the log again. */
export type Again = {
  /** Where it is in the log. */
  seq: number;
  headers: ReadonlyMap<string, string>;
  envelope: Envelope;
};

/** Message id of an event in a run: the same for every try, so that the broker recognises what it has. */
function replayId(run: string, eventId: string): string {
  return `replay-${run}-${eventId}`;
}

/** Fewer go one by one: a batch is four syncs of the disk, whatever it holds. */
const LEAST_BATCH = 5;
const MOST_BATCH_BYTES: number = 4 * 1024 * 1024;

/**
 * Puts events into the log again, behind everything that is there, each with a mark of what it repeats and of the run. Resolves with the sequence
 * of the last one when the broker has them on disk. They stay in order (ORDER-1): several go as one atomic batch; if that fails, or nobody knows how it
 * ended, one after the other, each again until the broker has it, which it recognises by the message id. Nobody waits for an answer any more,
 * so the address for it is left out. Throws `log_full`, `log_refused`, and `log_unreachable` when the broker stays away.
 */
export async function putAgain(
  nc: NatsConnection,
  run: string,
  events: readonly [Again, ...Again[]],
): Promise<number> {
  const messages = events.map((again) => messageOf(run, again));
  const bytes = messages.reduce((sum, { payload }) => sum + payload.length, 0);
  if (messages.length >= LEAST_BATCH && bytes <= MOST_BATCH_BYTES) {
    const seq = await putBatch(nc, messages);
    if (seq !== undefined) return seq;
  }
  let seq = 0;
  for (const message of messages) seq = await putOne(nc, message);
  return seq;
}

type Message = { id: string; subject: string; head: MsgHdrs; payload: Uint8Array };

function messageOf(run: string, { seq, headers: original, envelope }: Again): Message {
  const head = headers();
  for (const name of KEPT) {
    const value = original.get(name);
    if (value !== undefined) head.set(name, value);
  }
  const replayOf = `${EVENTS_STREAM}:${seq}`;
  head.set(HEADER.id, replayId(run, envelope.id));
  head.set(HEADER.replayOf, replayOf);
  head.set(HEADER.replayRun, run);
  const { answer: _, ...kept } = envelope;
  const payload = encodeEnvelope({ ...kept, replayOf });
  const subject = eventSubject(envelope.runner, envelope.session, envelope.kind, "replay");
  return { id: envelope.id, subject, head, payload };
}

/** All or nothing; undefined if it is nothing, or unknown. The server's reasons are those of single messages as well, and shown there. */
async function putBatch(nc: NatsConnection, messages: readonly Message[]): Promise<number | undefined> {
  const batch = randomBytes(8).toString("hex");
  const last = messages.length - 1;
  try {
    for (const [i, { subject, head, payload }] of messages.entries()) {
      const step = headers();
      for (const name of head.keys()) step.set(name, head.get(name));
      step.set("Nats-Batch-Id", batch);
      step.set("Nats-Batch-Sequence", String(i + 1));
      if (i < last) {
        nc.publish(subject, payload, { headers: step });
        continue;
      }
      step.set("Nats-Batch-Commit", "1");
      const reply = await nc.request(subject, payload, { headers: step, timeout: TIMEOUT_MS });
      const ack = reply.json<{ seq?: number; count?: number }>();
      return ack.count === messages.length ? ack.seq : undefined;
    }
  } catch {
    return undefined;
  }
  return undefined;
}

async function putOne(nc: NatsConnection, { id, subject, head, payload }: Message): Promise<number> {
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
    const ack = reply.json<{ seq?: number; error?: { err_code?: number; description?: string } }>();
    if (ack.seq !== undefined) return ack.seq;
    throw codedError(
      ack.error?.err_code === LOG_FULL ? "log_full" : "log_refused",
      `event ${id}: ${ack.error?.description ?? "no sequence"}`,
    );
  }
}
