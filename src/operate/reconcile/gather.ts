import type { JetStreamManager, StoredMsg } from "@nats-io/jetstream";
import type { Envelope } from "../../shared/log/schema/envelope.ts";
import { readableEnvelope } from "../readable-envelope.ts";
import { digestOf, STATE_FIELDS } from "../../shared/messages/holdings.ts";
import { readShardCount } from "../../shared/log/state/read-shard-count.ts";
import { parseEventSubject, sessionFilter } from "../../shared/log/schema/subjects.ts";
import { parseJsonWithin } from "../../shared/base/json-scan.ts";
import { EVENTS_STREAM, MAX_PAYLOAD } from "../../shared/log/schema/topology.ts";
import { walk } from "../../shared/log/follow/walk.ts";
import { endsSession } from "../replay/finished.ts";
import type { IsSettled } from "../../shared/log/state/settlement.ts";
import type { DeliveredEvent, DeliveredState } from "./compare.ts";

/** What the log knows about one session, without bodies. */
export type Gathered = {
  events: DeliveredEvent[];
  state: DeliveredState[];
  /** Ids of events that some command requeued and that are still pending. */
  underWay: Set<string>;
  /** The sequence at which its last run ended; 0 if it did not. */
  endedAt: number;
  /** Settled events whose body cannot be compared. */
  unreadable: number;
};

/** Gathers the messages of one session. `settlement` was read before; what is not settled in it was not delivered. */
export async function gatherOne(
  jsm: JetStreamManager,
  session: string,
  settlement: IsSettled,
): Promise<Gathered> {
  const filter = sessionFilter(session, await readShardCount(jsm));
  const gathered = emptyGathered();
  for await (const message of walk(jsm, EVENTS_STREAM, filter)) add(gathered, message, settlement);
  return gathered;
}

/**
 * The same for many sessions of one partition, in one pass. The broker finds the messages of one session by going through the whole log, so a
 * thousand sessions would cost a thousand passes.
 */
export async function gatherMany(
  jsm: JetStreamManager,
  partition: string,
  sessions: ReadonlySet<string>,
  settlement: IsSettled,
): Promise<Map<string, Gathered>> {
  const all = new Map<string, Gathered>();
  for await (const message of walk(jsm, EVENTS_STREAM, `rr.*.${partition}.*.*.*`)) {
    const session = parseEventSubject(message.subject)?.session;
    if (session === undefined || !sessions.has(session)) continue;
    let gathered = all.get(session);
    if (gathered === undefined) all.set(session, (gathered = emptyGathered()));
    add(gathered, message, settlement);
  }
  return all;
}

function emptyGathered(): Gathered {
  return { events: [], state: [], underWay: new Set(), endedAt: 0, unreadable: 0 };
}

/** Adds one message of the session. Throws `schema_newer`. */
function add(gathered: Gathered, message: StoredMsg, settlement: IsSettled): void {
  const address = parseEventSubject(message.subject);
  if (address === undefined) return;
  const { seq } = message;
  const isSettled = settlement(address.session, seq);
  if (address.origin === "replay") {
    const id = isSettled ? undefined : readableEnvelope(message.data)?.id;
    if (id !== undefined) gathered.underWay.add(id);
    return;
  }
  if (!isSettled) return;
  const envelope = readableEnvelope(message.data);
  if (envelope === undefined) gathered.unreadable++;
  else addDelivered(gathered, seq, envelope);
}

function addDelivered(gathered: Gathered, seq: number, envelope: Envelope): void {
  const { id, kind } = envelope;
  if (kind === "run") {
    if (endsSession(envelope)) gathered.endedAt = seq;
    return;
  }
  const body = objectOf(envelope.body);
  if (body === undefined) return void gathered.unreadable++;
  if (kind === "event") {
    const { timestamp } = body;
    gathered.events.push({
      seq,
      id,
      digest: digestOf(body),
      timestamp: typeof timestamp === "string" ? timestamp : "",
    });
    return;
  }
  const fields: DeliveredState["fields"] = {};
  for (const name of STATE_FIELDS) {
    const value = body[name];
    if (typeof value === "string") fields[name] = value;
  }
  gathered.state.push({ seq, id, kind, fields });
}

/** Most levels of a body that is compared. A gateway accepts 256; a body of a million levels would crash the command. */
const LIMITS = { bytes: MAX_PAYLOAD, depth: 500 };

function objectOf(body: Uint8Array): Record<string, unknown> | undefined {
  const value = parseJsonWithin(body, LIMITS);
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
}
