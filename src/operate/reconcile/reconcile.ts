import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../shared/base/clock.ts";
import { findDeadLetter } from "../../shared/log/state/dead-letters.ts";
import { readDropped } from "../../shared/log/state/dropped.ts";
import { decodeEnvelope } from "../../shared/log/schema/envelope.ts";
import { codedError, errorText } from "../../shared/base/errors.ts";
import { HOLDINGS_ANSWER, type Holdings, type StateField } from "../../shared/messages/holdings.ts";
import { parseJsonWithin } from "../../shared/base/json-scan.ts";
import { partitionToken, shardNumbers } from "../../shared/log/schema/partition.ts";
import { readShardCount } from "../../shared/log/state/read-shard-count.ts";
import { readState } from "../../shared/log/state/state-store.ts";
import { HOLDINGS_SUBJECT, type Kind } from "../../shared/log/schema/subjects.ts";
import { EVENTS_STREAM, stateKey } from "../../shared/log/schema/topology.ts";
import { putAgain } from "../replay/put.ts";
import type { Throttle } from "../replay/throttle.ts";
import { readSettlement } from "../../shared/log/state/settlement.ts";
import { compareEvents, compareState, type DeliveredEvent } from "./compare.ts";
import { gatherMany, gatherOne, type Gathered } from "./gather.ts";
import { sessionGroups } from "./sessions.ts";

// sessions.ts lists the sessions · gather.ts reads the log · compare.ts compares it with the coordinator's answer · ../replay/put.ts sends again
// Reading, comparing and sending are separate, so that the comparison is pure and a run without --send cannot change anything.

/** A relay asks the coordinator twice, at most 5 s each, and other requests may be ahead. */
const ASK_MS = 30_000;
/** Sessions asked about at once, which is what a relay handles at once. */
const AT_ONCE = 4;
/** After this many sessions in a row without an answer, the coordinator counts as away and the command stops. */
const MOST_UNAVAILABLE = 10;

export type ReconcileDeps = { nc: NatsConnection; jsm: JetStreamManager; clock: Clock };

/** An event of the log that the coordinator lacks. */
export type Missing = { seq: number; id: string; kind: Kind };

/** The result for one session. */
export type Finding =
  | {
      kind: "compared";
      session: string;
      /** Delivered events, binds and metadata that were compared. */
      compared: number;
      missing: Missing[];
      /** Missing, already requeued, and not delivered yet. */
      underWay: Missing[];
      /** Missing binds and metadata of a finished session, which are not sent. */
      finished: Missing[];
      /** Events that cannot be judged, because the coordinator returns only the first hundred: first and last sequence. */
      unknown?: { count: number; fromSeq: number; toSeq: number };
      /** Fields that someone else wrote. */
      differs: StateField[];
      unreadable: number;
      /** How many were sent again. */
      sent: number;
    }
  /** The coordinator lost the whole session, or someone deleted it there. Nothing is sent, because every event would become a dead letter. */
  | {
      kind: "unknown_session";
      session: string;
      /** Delivered events, binds and metadata, all of which are missing. */
      missing: Missing[];
      underWay: Missing[];
      unreadable: number;
    }
  | { kind: "unavailable"; session: string; reason: string };

export type ReconcileOptions = {
  /** Undefined: every session of the log. */
  sessions: readonly string[] | undefined;
  /** Only events from this sequence on. */
  from: number;
  /** Requeue what is missing, under the name of this run. */
  send?: { run: string; throttle: Throttle };
  signal: AbortSignal;
  /** Called when sessions were found, with the number of sessions to compare so far. */
  found(sessions: number): void;
};

/**
 * Compares the log with what the coordinator holds, session by session, and yields the results. Only events that were delivered according to the log
 * count; pending, dead, dropped and superseded events are not missing. Memory use does not grow with the number of sessions. Throws `relay_unavailable` if no
 * relay answers, and `coordinator_unreachable` if ten sessions in a row could not be checked.
 */
export async function* reconcile(deps: ReconcileDeps, options: ReconcileOptions): AsyncGenerator<Finding> {
  let silent = 0;
  for await (const [session, gathered] of gathering(deps, options)) {
    const finding = await gathered;
    silent = finding.kind === "unavailable" ? silent + 1 : 0;
    yield finding;
    if (options.signal.aborted) return;
    if (silent === MOST_UNAVAILABLE && finding.kind === "unavailable")
      throw codedError(
        "coordinator_unreachable",
        `session ${session} and those before it could not be checked: ${finding.reason}`,
      );
  }
}

/** Yields sessions with their findings; several are in progress at any time. */
async function* gathering(
  deps: ReconcileDeps,
  options: ReconcileOptions,
): AsyncGenerator<[string, Promise<Finding>]> {
  const { jsm } = deps;
  const flying: [string, Promise<Finding>][] = [];
  let sending: Promise<unknown> = Promise.resolve();
  /** Events are sent one after the other, because the rate applies to all sessions together. */
  const inTurn: InTurn = (what) => {
    const mine = sending.then(what);
    sending = mine.catch(() => {});
    return mine;
  };
  const begin = (session: string, gathered: Gathered): void => {
    const finding = judge(deps, options, session, gathered, inTurn);
    finding.catch(() => {}); // the code that awaits it gets the rejection
    flying.push([session, finding]);
  };
  let found = 0;
  if (options.sessions !== undefined) {
    options.found(options.sessions.length);
    for (const session of options.sessions) {
      begin(session, await gatherOne(jsm, session, await readSettlement(jsm, deps.nc.info?.server_id)));
      if (flying.length >= AT_ONCE) yield flying.shift()!;
    }
  } else {
    const shardCount = await readShardCount(jsm);
    for (const shard of shardNumbers(shardCount)) {
      const partition = partitionToken(shard, shardCount);
      for (const group of await sessionGroups(jsm, partition, options.from)) {
        options.found((found += group.size));
        const all = await gatherMany(
          jsm,
          partition,
          group,
          await readSettlement(jsm, deps.nc.info?.server_id),
        );
        for (const [session, gathered] of all) {
          all.delete(session);
          begin(session, gathered);
          if (flying.length >= AT_ONCE) yield flying.shift()!;
        }
      }
    }
  }
  yield* flying;
}

type InTurn = <T>(what: () => Promise<T>) => Promise<T>;

async function judge(
  deps: ReconcileDeps,
  options: ReconcileOptions,
  session: string,
  gathered: Gathered,
  inTurn: InTurn,
): Promise<Finding> {
  const held = await askHoldings(deps.nc, session);
  if (held.kind === "unavailable") return { kind: "unavailable", session, reason: held.reason };
  const { events, state, unreadable } = gathered;
  const wanted = ({ seq }: { seq: number }): boolean => seq >= options.from;
  if (held.kind === "unknown_session") {
    const lost = await divide(deps.jsm, gathered, [...events.map(ofEvent), ...state].filter(wanted));
    return { kind: "unknown_session", session, ...lost, unreadable };
  }
  const ofEvents = compareEvents(events, held);
  const ofState = compareState(state, held, gathered.endedAt);
  const lacking = [...ofEvents.missing.map(ofEvent), ...ofState.missing].filter(wanted);
  const { missing, underWay } = await divide(deps.jsm, gathered, lacking);
  const unknown = ofEvents.unknown.filter(wanted);
  const [first, last] = [unknown[0], unknown.at(-1)];
  const { send } = options;
  const sent =
    send === undefined || missing.length === 0
      ? 0
      : await inTurn(() => sendAll(deps, missing, send, options.signal));
  return {
    kind: "compared",
    session,
    compared: events.length + state.length,
    missing,
    underWay,
    finished: ofState.finished.filter(wanted).map(({ seq, id, kind }) => ({ seq, id, kind })),
    ...(first === undefined || last === undefined
      ? {}
      : { unknown: { count: unknown.length, fromSeq: first.seq, toSeq: last.seq } }),
    differs: ofState.differs,
    unreadable,
    sent,
  };
}

function ofEvent({ seq, id }: DeliveredEvent): Missing {
  return { seq, id, kind: "event" };
}

/** Of the events that seem to be missing, those that were delivered, in the order of the log, and those that are already requeued. */
async function divide(
  jsm: JetStreamManager,
  gathered: Gathered,
  lacking: readonly Missing[],
): Promise<{ missing: Missing[]; underWay: Missing[] }> {
  const missing: Missing[] = [];
  const underWay: Missing[] = [];
  for (const { seq, id, kind } of lacking.toSorted((a, b) => a.seq - b.seq)) {
    const one: Missing = { seq, id, kind };
    if (gathered.underWay.has(id)) underWay.push(one);
    else if (await wasDelivered(jsm, one)) missing.push(one);
  }
  return { missing, underWay };
}

/** A settled event may also be a dead letter, one that an operator dropped, or a bind that came too late. This is checked only for events that seem to be missing. */
async function wasDelivered(jsm: JetStreamManager, { id, kind }: Missing): Promise<boolean> {
  if ((await findDeadLetter(jsm, id)) !== undefined) return false;
  if ((await readDropped(jsm, id, "*")) !== undefined) return false;
  return kind !== "bind" || (await readState(jsm, stateKey.superseded(id))) === undefined;
}

async function sendAll(
  deps: ReconcileDeps,
  missing: readonly Missing[],
  { run, throttle }: { run: string; throttle: Throttle },
  signal: AbortSignal,
): Promise<number> {
  const to = { nc: deps.nc, shardCount: await readShardCount(deps.jsm) };
  let sent = 0;
  for (const { seq } of missing) {
    if (!(await throttle.mayGo(signal, () => {}))) break;
    const message = await deps.jsm.direct.getMessage(EVENTS_STREAM, { seq });
    if (message === null) continue; // the event was pruned meanwhile
    const headers = new Map(message.header.keys().map((name) => [name, message.header.get(name)]));
    await putAgain(to, run, { seq, headers, envelope: decodeEnvelope(message.data) });
    sent++;
  }
  return sent;
}

async function askHoldings(nc: NatsConnection, session: string): Promise<Holdings> {
  try {
    const reply = await nc.request(HOLDINGS_SUBJECT, JSON.stringify({ v: 1, session }), { timeout: ASK_MS });
    const holdings = parseJsonWithin(reply.data, HOLDINGS_ANSWER) as Holdings | undefined;
    return holdings ?? { kind: "unavailable", reason: "the relay's answer cannot be read" };
  } catch (cause) {
    const text = errorText(cause);
    if (/no responders/i.test(text)) throw codedError("relay_unavailable", "no relay answers", { cause });
    return { kind: "unavailable", reason: `the relay does not answer: ${text}` };
  }
}
