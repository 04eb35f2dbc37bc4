import type { JetStreamManager, StoredMsg } from "@nats-io/jetstream";
import { parseJsonWithin, type JsonLimits } from "../../shared/base/json-scan.ts";
import { countFrom, lastFrom } from "../../shared/log/follow/positions.ts";
import { walk } from "../../shared/log/follow/walk.ts";
import { decodeEnvelope, type Envelope } from "../../shared/log/schema/envelope.ts";
import { EVERYTHING, parseEventSubject, sessionFilter, type Kind } from "../../shared/log/schema/subjects.ts";
import { EVENTS_STREAM } from "../../shared/log/schema/topology.ts";
import { findDeadLetter } from "../../shared/log/state/dead-letters.ts";
import { readShardCount } from "../../shared/log/state/read-shard-count.ts";
import { readSettlement, type IsSettled } from "../../shared/log/state/settlement.ts";
import { becameOf, type Became } from "../../shared/log/state/verdicts.ts";
import { HEADER } from "../../shared/base/headers.ts";
import { withoutBody, type LetterFacts } from "./letter-pages.ts";

/** An event of the log with what became of it, as far as the broker knows; its checkpoints may be a second old. */
export type EventFacts = {
  /** Its sequence in the log. */
  seq: number;
  id: string;
  session: string;
  runner: string;
  kind: Kind;
  /** `event_type` of its body, if there is one. */
  type?: string;
  /** When it was accepted, wall clock, milliseconds since 1970. */
  at: number;
  bytes: number;
  /** An operator put it into the log again. */
  again: boolean;
  state: Became["verdict"];
  /** Why it was superseded, or was refused before its dead letter was dropped. */
  reason?: string;
  letter?: LetterFacts;
};

/** Newest first. Cursors are sequences of the log. */
export type EventPage = { events: EventFacts[]; total: number; older?: number };

/** Bytes of one page's bodies: an event can hold 4 MiB. */
const PAGE_BYTES: number = 8 * 1024 * 1024;
/** The type of an event is looked for in bodies up to this size. */
const BODY: JsonLimits & { bytes: number } = { bytes: 64 * 1024, depth: 32, values: 2000 };
/** Events that are looked through for an id. */
export const MOST_SEARCHED = 20_000;
/** Outcomes and searches that are remembered. */
const MOST_KNOWN = 5000;

/** The newest entries up to a number. */
class Recent<V> {
  readonly #entries = new Map<string, V>();

  get(key: string): V | undefined {
    return this.#entries.get(key);
  }

  set(key: string, value: V): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > MOST_KNOWN && oldest !== undefined) this.#entries.delete(oldest);
  }
}

/** Reads events of the log for pages that refresh every second: what cannot change is asked once. */
export type SessionEvents = {
  /** One page of a session's events, older than the sequence `before`. */
  page(session: string, options: { before?: number; size: number }): Promise<EventPage>;
  /** The event at a sequence, with its envelope as it is stored. Undefined if there is none. */
  at(seq: number): Promise<{ facts: EventFacts; payload: Uint8Array } | undefined>;
  /** The sequence of the event with an id, among dead letters and the newest {@link MOST_SEARCHED} events. */
  find(id: string): Promise<number | undefined>;
};

// oxlint-disable-next-line max-lines-per-function -- each part is short; they share what is remembered
export function createSessionEvents(jsm: JetStreamManager): SessionEvents {
  /** Of events that are settled without a dead letter: that is final. By sequence and id, since a log may be made anew. */
  const final = new Recent<Became>();
  /** Up to where the log was searched in vain. */
  const searched = new Recent<number>();

  async function outcome(
    settled: IsSettled,
    event: { id: string; session: string; seq: number },
  ): Promise<Became> {
    const key = `${event.seq} ${event.id}`;
    const known = final.get(key);
    if (known !== undefined) return known;
    const became = await becameOf(jsm, settled, event);
    if (became.verdict !== "pending" && became.verdict !== "dead") final.set(key, became);
    return became;
  }

  async function factsOf(settled: IsSettled, message: StoredMsg): Promise<EventFacts | undefined> {
    const address = parseEventSubject(message.subject);
    if (address === undefined) return undefined;
    const { session, kind, runner, origin } = address;
    const envelope = readable(message.data);
    const id = envelope?.id ?? message.header.get(HEADER.id);
    const { seq } = message;
    const type = envelope && typeOf(envelope);
    const became = await outcome(settled, { id, session, seq });
    return {
      seq,
      id,
      session,
      runner,
      kind,
      ...(type === undefined ? {} : { type }),
      at: envelope?.at ?? message.time.getTime(),
      bytes: envelope?.body.length ?? message.data.length,
      again: origin === "replay",
      state: became.verdict,
      ...("reason" in became ? { reason: became.reason } : {}),
      ...(became.verdict === "dead" ? { letter: withoutBody(became.letter) } : {}),
    };
  }

  return {
    async page(session, { before, size }) {
      const filter = sessionFilter(session, await readShardCount(jsm));
      const [total, after] = await Promise.all([
        countFrom(jsm, filter, 1),
        before === undefined ? 0 : countFrom(jsm, filter, before),
      ]);
      if (total - after <= 0) return { events: [], total };
      const settled = await readSettlement(jsm);
      const messages = await lastBefore(jsm, filter, { count: size + after, before });
      const rows = await Promise.all(messages.slice(-size).map((message) => factsOf(settled, message)));
      const events = rows.filter((row) => row !== undefined).toReversed();
      const oldest = events.at(-1);
      const isMore = oldest !== undefined && total - after > events.length;
      return { events, total, ...(isMore ? { older: oldest.seq } : {}) };
    },
    async at(seq) {
      const message = await jsm.direct.getMessage(EVENTS_STREAM, { seq });
      const facts = message === null ? undefined : await factsOf(await readSettlement(jsm), message);
      return message === null || facts === undefined ? undefined : { facts, payload: message.data };
    },
    async find(id) {
      const letter = await findDeadLetter(jsm, id);
      if (letter !== undefined) return letter.origSeq;
      const { first_seq: first, last_seq: last } = (await jsm.streams.info(EVENTS_STREAM)).state;
      const from = Math.max(first, last - MOST_SEARCHED + 1, searched.get(id) ?? 0);
      for await (const { seq, header } of walk(jsm, EVENTS_STREAM, EVERYTHING, from))
        if (header.get(HEADER.id) === id) return seq;
      searched.set(id, last + 1);
      return undefined;
    },
  };
}

/** The messages of a filter below a sequence, at least the last ones of `count` from the end, as far as their bytes allow. */
async function lastBefore(
  jsm: JetStreamManager,
  filter: string,
  { count, before = Infinity }: { count: number; before: number | undefined },
): Promise<StoredMsg[]> {
  const messages: StoredMsg[] = [];
  let bytes = 0;
  for await (const message of walk(jsm, EVENTS_STREAM, filter, await lastFrom(jsm, filter, count))) {
    if (message.seq >= before) break;
    messages.push(message);
    bytes += message.data.length;
    while (bytes > PAGE_BYTES && messages.length > 1) bytes -= messages.shift()?.data.length ?? 0;
  }
  return messages;
}

function readable(data: Uint8Array): Envelope | undefined {
  try {
    return decodeEnvelope(data);
  } catch {
    return undefined;
  }
}

function typeOf({ body, run }: Envelope): string | undefined {
  if (run !== undefined) return run.report;
  const value = body.length > BODY.bytes ? undefined : parseJsonWithin(body, BODY);
  if (typeof value !== "object" || value === null || !("event_type" in value)) return undefined;
  return typeof value.event_type === "string" ? value.event_type : undefined;
}
