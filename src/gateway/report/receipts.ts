import type { NatsConnection } from "@nats-io/transport-node";
import { parseJsonWithin } from "../../shared/base/json-scan.ts";
import type { Receipt, ReceiptQuestion } from "../../shared/messages/receipt.ts";
import type { ReceiptBody } from "../contract/answers.ts";
import { EVENT_ID, STREAM_SEQ } from "../contract/ids.ts";
import type { ReceiptRefusal } from "../contract/refusals.ts";
import { questionSubject, RECEIPT_SUBJECT } from "../../shared/log/schema/subjects.ts";

/** Time limit for a relay's answer. It answers from memory, or after reading the log once. */
const TIMEOUT_MS = 2000;
/** Longest answer of a relay: a few fields, of which the reason is the longest (4 KiB, in the worst case with each byte written as `\u0061`). */
const RECEIPT_LIMITS = { bytes: 32 * 1024, depth: 4, values: 32 };
const ID = new RegExp(EVENT_ID.pattern);

/** The state of an event, or why it is not available. */
export type ReceiptAnswer =
  | { ok: true; body: ReceiptBody }
  | { ok: false; code: ReceiptRefusal; detail: string };

/** Parses path and query of a receipt. Returns the question, or what is wrong with it. Pure. */
export function questionOf(
  id: string,
  query: string,
): ReceiptQuestion | { code: ReceiptRefusal; detail: string } {
  if (!ID.test(id)) return { code: "not_found", detail: "no such event" };
  const seq = new URLSearchParams(query).get("seq");
  if (seq === null)
    return { code: "field_missing", detail: "seq is required; it is part of the 202's Location" };
  if (!/^[1-9]\d{0,15}$/.test(seq) || Number(seq) > STREAM_SEQ.maximum) {
    return { code: "field_invalid", detail: "seq must be a positive whole number" };
  }
  return { id, seq: Number(seq) };
}

/** Asks any relay. If there is none, the broker reports within milliseconds that nothing is subscribed. */
export async function askReceipt(
  connection: NatsConnection,
  gateway: string,
  question: ReceiptQuestion,
): Promise<ReceiptAnswer> {
  let told: unknown;
  try {
    const subject = questionSubject(RECEIPT_SUBJECT, gateway);
    const reply = await connection.request(subject, JSON.stringify(question), { timeout: TIMEOUT_MS });
    told = parseJsonWithin(reply.data, RECEIPT_LIMITS);
  } catch {
    return { ok: false, code: "relay_unavailable", detail: "no relay answers" };
  }
  const receipt = (typeof told === "object" ? told : undefined) as Receipt | null | undefined;
  const place = { event_id: question.id, stream_seq: question.seq };
  switch (receipt?.state) {
    case "pending":
    case "delivered":
      return { ok: true, body: { ...place, state: receipt.state } };
    case "superseded":
    case "dropped":
    case "lost":
      return { ok: true, body: { ...place, state: receipt.state, reason: receipt.reason } };
    case "dead": {
      const { state, reason, status, attempts } = receipt;
      const known = {
        ...(status === undefined ? {} : { status }),
        ...(attempts === undefined ? {} : { attempts }),
      };
      return { ok: true, body: { ...place, state, reason, ...known } };
    }
    case "gone":
      return {
        ok: false,
        code: "receipt_gone",
        detail: "the event was settled and is older than the retention",
      };
    case "unknown":
      return { ok: false, code: "not_found", detail: "no such event" };
    case undefined:
    default:
      return { ok: false, code: "relay_unavailable", detail: "the relay's answer cannot be read" };
  }
}
