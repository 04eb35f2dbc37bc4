import { createInbox, type Msg, type NatsConnection } from "@nats-io/nats-core";
import { PATIENCE_MS } from "../../shared/log/follow/patience.ts";
import { RELAY_INBOX } from "../../shared/log/schema/subjects.ts";
import { EVENTS_STREAM } from "../../shared/log/schema/topology.ts";

/** Between two messages of an answer that has begun. */
const SILENCE_MS = 3000;
/** A replica may lag behind the leader by this time. Until it is over, a message that the replica does not have may still exist. */
export const REPLICA_LAG_MS = 8000;
/** End of a page; nothing matched. Every other status is a failure. */
const END = 204;
const NOTHING = 404;

/** Longest tail of headers that the broker adds: a subject of three tokens of 200 bytes, and five short lines. */
const LONGEST = 2048;
/** The headers that the broker adds come last, in this order, after those of the publisher. */
const PLACE =
  /\r\nNats-Subject: ([^\r\n]*)\r\nNats-Sequence: (\d+)\r\nNats-Time-Stamp: [^\r\n]*\r\nNats-Num-Pending: \d+\r\nNats-Last-Sequence: \d+\r\n\r\n$/;

/** One message as it lies in the log. */
export type LogMessage = { seq: number; subject: string; data: Uint8Array };

/** Undefined for a status. Its headers stand right before the payload, within the same buffer. */
function messageOf({ data }: Msg): LogMessage | undefined {
  const start = Math.max(0, data.byteOffset - LONGEST);
  const head = Buffer.from(data.buffer, start, data.byteOffset - start).toString("latin1");
  const [, subject, seq] = PLACE.exec(head) ?? [];
  if (subject === undefined) return undefined;
  return { subject, seq: Number(seq), data: Buffer.from(data) }; // the socket's buffer is shared and large
}

type DirectQuery = { from: number; filter: string; batch: number; maxBytes: number };

/** `silence` if the copy that was asked does not begin to answer in time: the next try may go to another one. */
function tryDirect(
  nc: NatsConnection,
  query: DirectQuery,
  firstMs: number,
): Promise<LogMessage[] | "silence" | undefined> {
  const { promise, resolve } = Promise.withResolvers<LogMessage[] | "silence" | undefined>();
  const found: LogMessage[] = [];
  const inbox = createInbox(RELAY_INBOX);
  let timer = setTimeout(() => resolve("silence"), firstMs);
  const subscription = nc.subscribe(inbox, {
    callback(error, msg) {
      if (error !== null) return resolve(undefined);
      const message = messageOf(msg);
      if (message !== undefined) {
        found.push(message);
        clearTimeout(timer);
        timer = setTimeout(() => resolve(undefined), SILENCE_MS);
        return;
      }
      const code = msg.headers?.code;
      resolve(code === END || code === NOTHING ? found : undefined);
    },
  });
  const { from: seq, filter, batch, maxBytes } = query;
  const request = JSON.stringify({ seq, next_by_subj: filter, batch, max_bytes: maxBytes });
  try {
    nc.publish(`$JS.API.DIRECT.GET.${EVENTS_STREAM}`, request, { reply: inbox });
  } catch {
    resolve(undefined);
  }
  return promise.finally(() => {
    clearTimeout(timer);
    if (!subscription.isClosed()) subscription.unsubscribe();
  });
}

/**
 * The next messages of the log from a sequence on that match a filter, at most `batch` and about `maxBytes` of them; undefined when the log cannot be
 * read now. Like the client's `getBatch`, but without decoding headers: decoding throws at headers that any publisher may store, and a session behind such a
 * message would wait for ever.
 */
export async function readDirect(nc: NatsConnection, query: DirectQuery): Promise<LogMessage[] | undefined> {
  for (const firstMs of PATIENCE_MS) {
    const answer = await tryDirect(nc, query, firstMs);
    if (answer !== "silence") return answer;
  }
  return undefined;
}
