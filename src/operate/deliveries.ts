import type { JetStreamManager, StoredMsg } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { findDeadLetter, type DeadLetter } from "../shared/log/state/dead-letters.ts";
import { decodeEnvelope, type Envelope } from "../shared/log/schema/envelope.ts";
import { codedError } from "../shared/base/errors.ts";
import { HEADER } from "../shared/base/headers.ts";
import type { Receipt, ReceiptQuestion } from "../shared/messages/receipt.ts";
import {
  EVERYTHING,
  parseEventSubject,
  RECEIPT_SUBJECT,
  sessionFilter,
  type Kind,
} from "../shared/log/schema/subjects.ts";
import { EVENTS_STREAM } from "../shared/log/schema/topology.ts";
import { walk } from "../shared/log/follow/walk.ts";
import { lastFrom } from "../shared/log/follow/positions.ts";
import { readShardCount } from "../shared/log/state/read-shard-count.ts";
import { readSettlement, type IsSettled } from "../shared/log/state/settlement.ts";
import { becameOf } from "../shared/log/state/verdicts.ts";
import type { SessionStanding } from "../shared/messages/standing/session-standing.ts";
import { readStanding } from "./session-facts.ts";

/** An event with its state. `asked`: the source, a relay or only the broker, whose checkpoints may be a second old. */
export type Delivery = {
  id: string;
  session: string;
  kind: Kind;
  /** Time of storage, ISO. */
  at: string;
  asked: "relay" | "broker";
  /** True if an operator requeued the event. Then only the broker is asked. */
  again?: true;
  /** True if the log no longer holds the event, so this comes from its dead letter. */
  pruned?: true;
  receipt: Exclude<Receipt, { state: "gone" | "unknown" | "lost" }>;
  /** Of a pending event: how its session stands, and why it stands still if it does. */
  standing?: SessionStanding;
};

type Deps = { nc: NatsConnection; jsm: JetStreamManager };
/** `first`: the event as the executor sent it, not requeued. Relays answer only for these. */
type Event = { id: string; session: string; kind: Kind; seq: number; at: string; first: boolean };

/** Time limit for a relay's answer. After that, relays are no longer asked. */
const RECEIPT_MS = 2000;
/** Concurrent questions. */
const AT_ONCE = 16;

/** The state of the last events of a session, oldest first. */
export async function deliveriesOf(deps: Deps, session: string, last: number): Promise<Delivery[]> {
  const { jsm } = deps;
  const filter = sessionFilter(session, await readShardCount(jsm));
  const events: Event[] = [];
  for await (const message of walk(jsm, EVENTS_STREAM, filter, await lastFrom(jsm, filter, last))) {
    const event = eventOf(message);
    if (event !== undefined) events.push(event);
  }
  const find = createFinder(deps);
  const deliveries: Delivery[] = [];
  const recent = events.slice(-last);
  for (let i = 0; i < recent.length; i += AT_ONCE)
    deliveries.push(...(await Promise.all(recent.slice(i, i + AT_ONCE).map(find))));
  await addStanding(deps, deliveries);
  return deliveries;
}

/** Adds how the sessions of pending events stand. All of them are of one session. */
async function addStanding(deps: Deps, deliveries: readonly Delivery[]): Promise<void> {
  const pending = deliveries.filter(({ receipt }) => receipt.state === "pending");
  const [first] = pending;
  const standing = first && (await readStanding(deps, first.session));
  if (standing !== undefined) for (const it of pending) it.standing = standing;
}

export type Where = {
  /** The event's sequence in the log, as in the 202. */
  seq?: number;
  session?: string;
  /** Called while the log is searched: events seen so far, and how many there are. */
  searching?: (seen: number, all: number) => void;
};

/** The state of one event, given its id. Without a sequence the log is searched, newest events first. Throws `nothing_found`. */
export async function deliveryOf(deps: Deps, id: string, where: Where): Promise<Delivery> {
  const { jsm } = deps;
  const letter = where.seq === undefined ? await findDeadLetter(jsm, id) : undefined;
  const seq = where.seq ?? letter?.origSeq;
  const message = seq === undefined ? null : await jsm.direct.getMessage(EVENTS_STREAM, { seq });
  if (letter !== undefined && message === null) return prunedOf(letter);
  const there = message === null ? undefined : eventOf(message);
  const event = there?.id === id ? there : where.seq === undefined ? await search(jsm, id, where) : undefined;
  if (event === undefined)
    throw codedError("nothing_found", `the log holds no event ${id}; it was pruned or never stored`);
  const delivery = await createFinder(deps)(event);
  await addStanding(deps, [delivery]);
  return delivery;
}

function prunedOf(letter: DeadLetter): Delivery {
  const { id, session, kind } = letter;
  const at = acceptedAt(letter.payload) ?? letter.at;
  return {
    id,
    session,
    kind,
    at,
    asked: "broker",
    pruned: true,
    receipt: deadReceipt(letter, letter.origSeq),
  };
}

function deadReceipt({ reason, status, attempts }: DeadLetter, seq: number): Delivery["receipt"] {
  return { state: "dead", seq, reason, ...(status === undefined ? {} : { status }), attempts };
}

/** Events read at once. The search goes backwards, because most questions are about recent events. */
const STRIDE = 10_000;

async function search(
  jsm: JetStreamManager,
  id: string,
  { session, searching }: Where,
): Promise<Event | undefined> {
  const filter = session === undefined ? EVERYTHING : sessionFilter(session, await readShardCount(jsm));
  const { first_seq: first, last_seq: last } = (await jsm.streams.info(EVENTS_STREAM)).state;
  const stride = session === undefined ? STRIDE : last; // one session has few events
  for (let end = last; end >= first; end -= stride) {
    const from = Math.max(first, end - stride + 1);
    for await (const message of walk(jsm, EVENTS_STREAM, filter, from)) {
      if (message.seq > end) break;
      if (message.header.get(HEADER.id) === id) return eventOf(message);
    }
    searching?.(last - from + 1, last - first + 1);
  }
  return undefined;
}

/** Undefined for a message that is not ours. A requeued event has a different message id. */
function eventOf({ seq, subject, time, header, data }: StoredMsg): Event | undefined {
  const address = parseEventSubject(subject);
  if (address === undefined) return undefined;
  const { session, kind, origin } = address;
  const first = origin === "ev";
  const id = first ? header.get(HEADER.id) : readable(data)?.id;
  return id === undefined ? undefined : { id, session, kind, seq, at: time.toISOString(), first };
}

function acceptedAt(payload: Uint8Array): string | undefined {
  const at = readable(payload)?.at;
  return at === undefined ? undefined : new Date(at).toISOString();
}

function readable(payload: Uint8Array): Envelope | undefined {
  try {
    return decodeEnvelope(payload);
  } catch {
    return undefined;
  }
}

/** Asks relays; after the first question without an answer, asks only the broker. */
function createFinder({ nc, jsm }: Deps): (event: Event) => Promise<Delivery> {
  let relays = true;
  let settlement: Promise<IsSettled> | undefined;

  async function askRelay({ id, seq }: Event): Promise<Delivery["receipt"] | undefined> {
    try {
      const question = JSON.stringify({ id, seq } satisfies ReceiptQuestion);
      const reply = await nc.request(RECEIPT_SUBJECT, question, { timeout: RECEIPT_MS });
      const receipt = reply.json<Receipt>();
      return receipt.state === "gone" || receipt.state === "unknown" || receipt.state === "lost"
        ? undefined
        : receipt;
    } catch {
      relays = false;
      return undefined;
    }
  }

  async function askBroker(event: Event): Promise<Delivery["receipt"]> {
    settlement ??= readSettlement(jsm, nc.info?.server_id);
    const { seq } = event;
    const became = await becameOf(jsm, await settlement, event);
    switch (became.verdict) {
      case "pending":
      case "delivered":
        return { state: became.verdict, seq };
      case "superseded":
      case "dropped":
        return { state: became.verdict, seq, reason: became.reason };
      case "dead":
        return deadReceipt(became.letter, seq);
    }
  }

  return async (event) => {
    const { id, session, kind, at, first } = event;
    const known = { id, session, kind, at, ...(first ? {} : { again: true as const }) };
    const answered = relays && first ? await askRelay(event) : undefined;
    if (answered !== undefined) return { ...known, asked: "relay", receipt: answered };
    return { ...known, asked: "broker", receipt: await askBroker(event) };
  };
}
