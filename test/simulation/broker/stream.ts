import type { StreamConfig } from "@nats-io/jetstream";
import { headerOf, matches, wire, type Wire } from "./wire.ts";

/** A stored message. `at`: wall clock, milliseconds. */
export type Stored = { seq: number; subject: string; head: string | undefined; data: Uint8Array; at: number };

/** An error of the broker's API. */
export type Refusal = { code: number; err_code: number; description: string };
export type Answer = { seq: number; duplicate: boolean } | Refusal;

export const refusals = {
  full: { code: 503, err_code: 10077, description: "maximum bytes exceeded" },
  batchDuplicate: {
    code: 400,
    err_code: 10201,
    description: "atomic publish batch contains duplicate message id",
  },
  tooManyBatches: { code: 503, err_code: 10210, description: "atomic publish too many inflight" },
  batchIncomplete: { code: 400, err_code: 10176, description: "atomic publish batch is incomplete" },
  inProcess: { code: 409, err_code: 10158, description: "duplicate message id is in process" },
  busy: { code: 503, err_code: 10008, description: "JetStream system temporarily unavailable" },
  wrongLast: (last: number): Refusal => ({
    code: 400,
    err_code: 10071,
    description: `wrong last sequence: ${last}`,
  }),
} as const;

/** What counts of a message's size beside its bytes, as the broker's file store has it; a message with headers takes 4 more, and the first line of its headers. */
const OVERHEAD = 30;
const HEADER_OVERHEAD = 16;

function sizeOf({ subject, head, data }: Pick<Stored, "subject" | "head" | "data">): number {
  const headers = head === undefined ? 0 : HEADER_OVERHEAD + head.length;
  return OVERHEAD + subject.length + headers + data.length;
}

/** One stream: messages with their sequences, the newest of each subject, and the message ids of the window. */
export class SimStream {
  config: StreamConfig;
  readonly created: string;
  /** By sequence; what was removed is missing. In the order of sequences. */
  readonly messages = new Map<number, Stored>();
  readonly #last = new Map<string, number>();
  readonly #ids = new Map<string, { seq: number; at: number }>();
  firstSeq = 1;
  lastSeq = 0;
  lastAt = 0;
  bytes = 0;
  /** Told each stored message. */
  onStored: ((message: Stored) => void) | undefined;

  constructor(config: StreamConfig, created: string) {
    this.config = config;
    this.created = created;
  }

  copy(): SimStream {
    const copy = new SimStream({ ...this.config }, this.created);
    for (const [seq, message] of this.messages) copy.messages.set(seq, message);
    for (const [subject, seq] of this.#last) copy.#last.set(subject, seq);
    for (const [id, entry] of this.#ids) copy.#ids.set(id, entry);
    return Object.assign(copy, {
      firstSeq: this.firstSeq,
      lastSeq: this.lastSeq,
      lastAt: this.lastAt,
      bytes: this.bytes,
    });
  }

  /** Is a message missing between the first and the last? */
  get hasHoles(): boolean {
    return this.messages.size < this.lastSeq - this.firstSeq + 1;
  }

  takes(subject: string): boolean {
    return this.config.subjects.some((filter) => matches(filter, subject));
  }

  /** The newest message whose subject matches. */
  lastOf(filter: string): Stored | undefined {
    const exact = this.#last.get(filter);
    if (exact !== undefined) return this.messages.get(exact);
    if (!filter.includes("*") && !filter.includes(">")) return undefined;
    let newest = 0;
    for (const [subject, seq] of this.#last) if (seq > newest && matches(filter, subject)) newest = seq;
    return this.messages.get(newest);
  }

  /** The first message from a sequence on whose subject matches. */
  nextOf(seq: number, filter: string | undefined): Stored | undefined {
    for (let next = Math.max(seq, this.firstSeq); next <= this.lastSeq; next++) {
      const message = this.messages.get(next);
      if (message !== undefined && (filter === undefined || matches(filter, message.subject))) return message;
    }
    return undefined;
  }

  /** The first message stored at a time or after it. */
  sinceTime(at: number): Stored | undefined {
    for (const message of this.messages.values()) if (message.at >= at) return message;
    return undefined;
  }

  /** The sequence under which a message id is remembered. */
  known(id: string | undefined, now: number): number | undefined {
    const entry = id === undefined ? undefined : this.#ids.get(id);
    if (entry === undefined || now - entry.at > this.config.duplicate_window / 1e6) return undefined;
    return entry.seq;
  }

  /** Checks a message, and stores it if nothing is against it. */
  publish(message: Wire, now: number): Answer {
    const { head } = message;
    const id = headerOf(head, "Nats-Msg-Id");
    const refused = this.refusalOf(message);
    if (refused !== undefined) return refused;
    const known = this.known(id, now);
    if (known !== undefined) return { seq: known, duplicate: true };
    if (!this.hasRoom(message)) return refusals.full;
    return { seq: this.store(message, now), duplicate: false };
  }

  /** Why the message's expectations are not met; undefined if they are. */
  refusalOf({ subject, head }: Pick<Wire, "subject" | "head">): Refusal | undefined {
    const expected = headerOf(head, "Nats-Expected-Last-Subject-Sequence");
    if (expected === undefined) return undefined;
    const filter = headerOf(head, "Nats-Expected-Last-Subject-Sequence-Subject") ?? subject;
    const last = this.lastOf(filter)?.seq ?? 0;
    return last === Number(expected) ? undefined : refusals.wrongLast(last);
  }

  hasRoom(...messages: Pick<Wire, "subject" | "head" | "data">[]): boolean {
    const more = messages.reduce((sum, message) => sum + sizeOf(message), 0);
    return this.config.max_bytes < 0 || this.bytes + more <= this.config.max_bytes;
  }

  store({ subject, head, data }: Pick<Wire, "subject" | "head" | "data">, now: number): number {
    const seq = ++this.lastSeq;
    const before = this.#last.get(subject);
    const stored: Stored = { seq, subject, head, data, at: now };
    this.messages.set(seq, stored);
    this.#last.set(subject, seq);
    this.lastAt = now;
    this.bytes += sizeOf(stored);
    const id = headerOf(head, "Nats-Msg-Id");
    if (id !== undefined) this.#ids.set(id, { seq, at: now });
    if (this.config.max_msgs_per_subject === 1 && before !== undefined) this.remove(before);
    this.onStored?.(stored);
    return seq;
  }

  remove(seq: number): boolean {
    const message = this.messages.get(seq);
    if (message === undefined) return false;
    this.messages.delete(seq);
    this.bytes -= sizeOf(message);
    if (this.#last.get(message.subject) === seq) this.#lastBefore(seq, message.subject);
    while (this.firstSeq <= this.lastSeq && !this.messages.has(this.firstSeq)) this.firstSeq++;
    return true;
  }

  /** The newest message of a subject is gone: the one before it is the newest now. */
  #lastBefore(seq: number, subject: string): void {
    for (let at = seq - 1; at >= this.firstSeq; at--)
      if (this.messages.get(at)?.subject === subject) return void this.#last.set(subject, at);
    this.#last.delete(subject);
  }

  /** Drops everything behind a sequence, as a broker does that had not synced it. */
  cutTo(seq: number): void {
    for (let at = this.lastSeq; at > seq; at--) {
      this.remove(at);
      for (const [id, entry] of this.#ids) if (entry.seq === at) this.#ids.delete(id);
    }
    this.lastSeq = Math.min(this.lastSeq, seq);
    this.#last.clear();
    for (const message of this.messages.values()) this.#last.set(message.subject, message.seq);
  }
}

/** A message on its way to the disk. */
export type Write = { message: Wire; stream: SimStream };

/** Is a message with the same id being stored? */
export function isInProcess(writing: readonly Write[], stream: SimStream, { head }: Wire): boolean {
  const id = headerOf(head, "Nats-Msg-Id");
  if (id === undefined) return false;
  return writing.some((it) => it.stream === stream && headerOf(it.message.head, "Nats-Msg-Id") === id);
}

/** How long a message with a time to live stays, milliseconds: the broker looks once a second. */
export function lifetimeOf({ head }: Stored, late: () => number): number | undefined {
  const seconds = Number(headerOf(head, "Nats-TTL")?.slice(0, -1) ?? 0);
  return seconds > 0 ? (seconds + late()) * 1000 : undefined;
}

/** What the broker publishes of a message that it stored, if its stream says so. */
export function republished(stream: SimStream, { seq, subject, head, data, at }: Stored): Wire | undefined {
  const { src, dest } = stream.config.republish ?? {};
  if (src === undefined || dest === undefined || !matches(src, subject)) return undefined;
  const name = dest.slice(0, -1) + subject.slice(src.length - 1);
  const place =
    `Nats-Stream: ${stream.config.name}\r\nNats-Subject: ${subject}\r\nNats-Sequence: ${seq}\r\n` +
    `Nats-Time-Stamp: ${new Date(at).toISOString()}\r\n`;
  return wire(name, data, { head: (head ?? "") + place });
}

/** Why a batch is not stored; the first of its messages that is in the way decides. */
export function refusalOfBatch(
  stream: SimStream,
  messages: readonly Wire[],
  now: number,
): Refusal | undefined {
  const ids = new Set<string>();
  for (const [i, message] of messages.entries()) {
    const id = headerOf(message.head, "Nats-Msg-Id");
    if (id !== undefined && (ids.has(id) || stream.known(id, now) !== undefined))
      return refusals.batchDuplicate;
    if (id !== undefined) ids.add(id);
    if (!stream.hasRoom(...messages.slice(0, i + 1))) return refusals.full;
    const refused = stream.refusalOf(message);
    if (refused !== undefined) return refused;
  }
  return undefined;
}
