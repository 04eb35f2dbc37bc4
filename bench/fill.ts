import { randomBytes } from "node:crypto";
import { headers, type NatsConnection } from "@nats-io/nats-core";
import { encodeEnvelope, ENVELOPE_VERSION } from "../src/shared/log/schema/envelope.ts";
import { shardOf } from "../src/shared/log/schema/partition.ts";
import { sessionToken } from "../src/shared/log/schema/session-id.ts";
import { HEADER } from "../src/shared/base/headers.ts";
import { eventBody } from "./event.ts";

const RUNNER = "bench";
/** The usual number of partitions. The product's own constant and its function of subjects are not used: `--compare` runs this with revisions that have them otherwise. */
const SHARDS = 8;
/** Messages of one atomic batch; the broker takes at most 1,000. */
const BATCH = 1000;
/** Batches under way at once. */
const LANES = 4;

/** Subject of a session's events in a log of the usual number of partitions. */
export function subjectOf(runner: string, session: string): string {
  return `rr.ev.${shardOf(session, SHARDS)}.${sessionToken(runner)}.${sessionToken(session)}.event`;
}

/** Puts events into the log without a gateway: sessions `<prefix>-0`, `<prefix>-1` … in turn, each numbered from 1. */
export async function fillLog(
  nc: NatsConnection,
  options: { events: number; sessions: number; prefix: string },
): Promise<void> {
  const { events, sessions, prefix } = options;
  const names = Array.from({ length: sessions }, (_, i) => `${prefix}-${i}`);
  const subjects = names.map((name) => subjectOf(RUNNER, name));
  const bodies = names.map((name) => Buffer.from(eventBody(name)));
  const epoch = randomBytes(4).toString("hex");
  const at = Date.now();

  /** One batch is stored whole or not at all; the broker answers its last message. */
  async function put(from: number, to: number): Promise<void> {
    const batch = randomBytes(8).toString("hex");
    for (let n = from; n < to; n++) {
      const which = n % sessions;
      const id = `${epoch}${n.toString(36).padStart(8, "0")}`;
      const payload = encodeEnvelope({
        v: ENVELOPE_VERSION,
        id,
        kind: "event",
        session: names[which] ?? "",
        runner: RUNNER,
        epoch,
        seq: Math.floor(n / sessions) + 1,
        at,
        type: "application/json",
        body: bodies[which] ?? new Uint8Array(),
      });
      const head = headers();
      head.set(HEADER.id, id);
      head.set("Nats-Batch-Id", batch);
      head.set("Nats-Batch-Sequence", String(n - from + 1));
      const subject = subjects[which] ?? "";
      if (n < to - 1) {
        nc.publish(subject, payload, { headers: head });
        continue;
      }
      head.set("Nats-Batch-Commit", "1");
      const reply = await nc.request(subject, payload, { headers: head, timeout: 30_000 });
      const ack = reply.json<{ error?: { description: string } }>();
      if (ack.error !== undefined) throw new Error(`the log refuses a batch: ${ack.error.description}`);
    }
  }

  let next = 0;
  // The order of batches does not matter to the relay's speed; the numbers of a session may show gaps for a moment.
  const lane = async (): Promise<void> => {
    while (next < events) {
      const from = next;
      next = Math.min(events, from + BATCH);
      await put(from, next);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}
