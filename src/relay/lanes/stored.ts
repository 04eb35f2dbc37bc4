import type { JetStreamManager } from "@nats-io/jetstream";
import { decodeEnvelope, type Envelope } from "../../shared/envelope.ts";
import { errorText, isCoded } from "../../shared/errors.ts";
import { parseEventSubject, sessionFilter, type EventAddress } from "../../shared/subjects.ts";
import type { Death } from "../forward/dead-letters.ts";
import { EVENTS_STREAM } from "../../shared/topology.ts";

/** Messages fetched at once: what a lane keeps whole. */
const BATCH = 100;
const MAX_BYTES: number = 1024 * 1024;
const TIMEOUT_MS = 3000;

/** One event as it lies in the log. */
export type Stored = { seq: number; envelope: Envelope; data: Uint8Array; death: Death | undefined };

/**
 * An envelope as the relay can work with it: what cannot be decoded is given a shape from its subject, so that it can be dead-lettered
 * like any other poison event. Throws `schema_newer`: such an event is whole, it is this program that is too old.
 */
export function envelopeOf(
  data: Uint8Array,
  address: EventAddress,
  seq: number,
): Pick<Stored, "envelope" | "death"> {
  try {
    const envelope = decodeEnvelope(data);
    if (envelope.session !== address.session)
      throw new Error("the envelope's session differs from the subject's");
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

/** Reads a session's events from the log, by direct gets: no consumer is needed, and nobody else's place in the log moves. */
export function createLogReader(
  jsm: JetStreamManager,
): (session: string, from: number) => Promise<Stored[] | undefined> {
  return async (session, from) => {
    const found: Stored[] = [];
    try {
      const batch = await jsm.direct.getBatch(EVENTS_STREAM, {
        seq: from,
        next_by_subj: sessionFilter(session),
        batch: BATCH,
        max_bytes: MAX_BYTES,
      });
      const timer = setTimeout(() => batch.stop(new Error("timeout")), TIMEOUT_MS);
      try {
        for await (const message of batch) {
          const address = parseEventSubject(message.subject);
          if (address === undefined) continue;
          const data = Buffer.from(message.data);
          found.push({ seq: message.seq, data, ...envelopeOf(data, address, message.seq) });
        }
      } finally {
        clearTimeout(timer);
      }
      return found;
    } catch (error) {
      if (isCoded(error, "schema_newer")) throw error;
      if (isNotFound(error)) return found;
      return undefined;
    }
  };
}

/** "no messages" is an answer, not a failure. */
function isNotFound(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === 404;
}
