import { stamp } from "./consumer.ts";
import type { SimStream, Stored } from "./stream.ts";
import { wire, type Wire } from "./wire.ts";

/** Most messages of one page, whatever is asked for. */
const MOST = 1024;

type Query = {
  seq?: number;
  next_by_subj?: string;
  last_by_subj?: string;
  start_time?: string;
  batch?: number;
  max_bytes?: number;
};

function placeLines(stream: SimStream, { seq, subject, at }: Stored): string {
  return (
    `Nats-Stream: ${stream.config.name}\r\nNats-Subject: ${subject}\r\n` +
    `Nats-Sequence: ${seq}\r\nNats-Time-Stamp: ${stamp(at)}\r\n`
  );
}

function firstOf(stream: SimStream, query: Query): Stored | undefined {
  if (query.last_by_subj !== undefined) return stream.lastOf(query.last_by_subj);
  if (query.start_time !== undefined) return stream.sinceTime(Date.parse(query.start_time));
  if (query.next_by_subj !== undefined) return stream.nextOf(query.seq ?? 1, query.next_by_subj);
  return query.batch === undefined
    ? stream.messages.get(query.seq ?? 0)
    : stream.nextOf(query.seq ?? 1, undefined);
}

/** The broker's answers to one direct get. Pure. */
export function directGet(stream: SimStream, query: Query, reply: string): Wire[] {
  const first = firstOf(stream, query);
  const paged = query.batch !== undefined;
  if (first === undefined) {
    const status = paged ? " 404 No Results" : " 404 Message Not Found";
    return [wire(reply, undefined, { status, head: "" })];
  }
  if (!paged) {
    const head = (first.head ?? "") + placeLines(stream, first);
    return [wire(reply, first.data, { head })];
  }
  const found: Stored[] = [];
  let bytes = 0;
  const most = Math.min(query.batch ?? MOST, MOST);
  let next: Stored | undefined = first;
  let pending = 0;
  for (; next !== undefined; next = stream.nextOf(next.seq + 1, query.next_by_subj)) {
    if (found.length < most && bytes <= (query.max_bytes ?? Infinity)) {
      found.push(next);
      bytes += next.data.length + (next.head?.length ?? 0);
    } else pending++;
  }
  const messages = found.map((message, i) => {
    const left = found.length - 1 - i + pending;
    const last = i === 0 ? 0 : (found[i - 1]?.seq ?? 0);
    const head = `${message.head ?? ""}${placeLines(stream, message)}Nats-Num-Pending: ${left}\r\nNats-Last-Sequence: ${last}\r\n`;
    return wire(reply, message.data, { head });
  });
  const head = `Nats-Num-Pending: ${pending}\r\nNats-Last-Sequence: ${found.at(-1)?.seq ?? 0}\r\n`;
  return [...messages, wire(reply, undefined, { status: " 204 EOB", head })];
}
