import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { decodeEnvelope, type Envelope } from "../../shared/log/schema/envelope.ts";
import { errorText, isCoded } from "../../shared/base/errors.ts";
import { askLeader } from "../../shared/log/follow/leader.ts";
import { EVENTS_STREAM } from "../../shared/log/schema/topology.ts";
import { parseEventSubject, sessionFilter, type EventAddress } from "../../shared/log/schema/subjects.ts";
import type { Death } from "../coordinator/dead-letters.ts";
import { readDirect } from "../source/direct.ts";

/** Messages fetched at once: what a lane keeps whole. */
const BATCH = 100;
const MAX_BYTES: number = 1024 * 1024;

/** One event as it lies in the log. */
export type Stored = { seq: number; envelope: Envelope; data: Uint8Array; death: Death | undefined };

/** The event that the log's leader named, or that there is none; undefined where it does not answer or does not know so far. */
export type LeaderWord = Stored | "none" | undefined;

/**
 * An envelope in the form in which the relay works with it. If it cannot be decoded, its subject gives it a form, so that it can become a dead letter like
 * any other poison event. Throws `schema_newer`: then the event is whole, and this program is too old for it.
 */
export function envelopeOf(
  data: Uint8Array,
  address: EventAddress,
  seq: number,
): Pick<Stored, "envelope" | "death"> {
  try {
    const envelope = decodeEnvelope(data);
    const { session, runner, kind } = address;
    // the broker checked that the publisher may use the subject; it did not check the envelope
    if (envelope.session !== session || envelope.runner !== runner || envelope.kind !== kind)
      throw new Error("the envelope's session, runner or kind differs from the subject's");
    return { envelope, death: undefined };
  } catch (error) {
    if (isCoded(error, "schema_newer")) throw error;
    const { session, runner, kind } = address;
    const empty = new Uint8Array();
    return {
      envelope: {
        v: 1,
        id: `seq-${seq}`,
        kind,
        session,
        runner,
        epoch: "0",
        seq: 0,
        at: 0,
        type: "application/json",
        body: empty,
      },
      death: { reason: `envelope_invalid: ${errorText(error)}`, attempts: 0 },
    };
  }
}

/**
 * Where a message of the log belongs; undefined if it is no event. Throws `schema_newer`: a kind that this program does not know may be a
 * newer one's, and must not be passed over.
 */
export function addressOf(subject: string, data: Uint8Array): EventAddress | undefined {
  const address = parseEventSubject(subject);
  if (address !== undefined) return address;
  try {
    decodeEnvelope(data);
  } catch (error) {
    if (isCoded(error, "schema_newer")) throw error;
  }
  return undefined;
}

/** Reads a session's events from the log, by direct gets: no consumer is needed, and no other reader's place in the log moves. */
export function createLogReader(
  nc: NatsConnection,
  shardCount: number,
): (session: string, from: number) => Promise<Stored[] | undefined> {
  return async (session, from) => {
    const filter = sessionFilter(session, shardCount);
    const page = await readDirect(nc, { from, filter, batch: BATCH, maxBytes: MAX_BYTES });
    return page?.flatMap(({ seq, subject, data }) => {
      const address = addressOf(subject, data);
      return address === undefined ? [] : [{ seq, data, ...envelopeOf(data, address, seq) }];
    });
  };
}

/**
 * Asks the log's leader for the first event of a session from a number on, because a copy may not have got so far. `known` is a number that was in the log: a server that
 * has not got so far is not the leader any more, and its "none" does not count.
 */
export function createLeaderReader(
  jsm: JetStreamManager,
  shardCount: number,
): (session: string, from: number, known: number) => Promise<LeaderWord> {
  return async (session, from, known) => {
    try {
      for (let next = from; ;) {
        const query = { seq: next, next_by_subj: sessionFilter(session, shardCount) };
        const found = await askLeader(jsm, EVENTS_STREAM, query);
        if (found === null) {
          // one that was the leader, and does not know yet that it is not, may never have had the event
          const { state } = await jsm.streams.info(EVENTS_STREAM);
          return state.last_seq >= known ? "none" : undefined;
        }
        const { seq, subject, data } = found;
        const address = addressOf(subject, data);
        if (address !== undefined) return { seq, data, ...envelopeOf(data, address, seq) };
        next = seq + 1;
      }
    } catch (error) {
      if (isCoded(error)) throw error;
      return undefined;
    }
  };
}
