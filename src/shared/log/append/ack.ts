import type { Ack, BatchAck, Refusal } from "./log.ts";

/** Error numbers of the JetStream API that mean "no room": account limits and the stream's own. */
const NO_ROOM = new Set([
  10077, // stream store failed: maximum bytes (or messages) exceeded
  10023, // insufficient resources
  10028, // memory resources exceeded
  10047, // storage resources exceeded
]);

/** An earlier try with the same message id is being stored by servers that replicate: whether it will be is not known yet. */
const IN_PROCESS = 10158;

type PubAck = {
  seq?: number;
  duplicate?: boolean;
  count?: number;
  error?: { code?: number; err_code?: number; description?: string };
};

/** An ack has some hundred bytes; any client that may publish to our inbox could send more, and an ack is read for every event. */
const MAX_ACK_LENGTH = 4096;

function parse(text: string): PubAck | undefined {
  if (text.length > MAX_ACK_LENGTH) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function detailOf(error: NonNullable<PubAck["error"]>): string {
  return `${error.description ?? "no description"} (${error.code ?? 0}/${error.err_code ?? 0})`;
}

/**
 * Is a refusal final? A full log is, because trying again would only make it worse. So is a 4xx, which refuses the message itself.
 * What is left (503 without a leader, 429 too many requests, 408) passes.
 */
export function refusalOf(code: number, errCode: number): Refusal {
  if (NO_ROOM.has(errCode)) return "log_full";
  if (code === 429 || code === 408 || code >= 500) return "later";
  return "log_refused";
}

/** Reads the broker's answer to a single message. Pure. */
export function readAck(text: string): Ack {
  const ack = parse(text);
  if (ack?.error) {
    const { code = 0, err_code: errCode = 0 } = ack.error;
    if (errCode === IN_PROCESS) return { kind: "unknown", detail: detailOf(ack.error) };
    return { kind: "refused", refusal: refusalOf(code, errCode), detail: detailOf(ack.error) };
  }
  if (ack === undefined || typeof ack.seq !== "number" || ack.seq < 1) {
    return { kind: "unknown", detail: "the broker's answer cannot be read" };
  }
  return { kind: "stored", seq: ack.seq, duplicate: ack.duplicate === true };
}

/** Reads the broker's answer to the last message of an atomic batch of `count`. Pure. */
export function readBatchAck(text: string, count: number): BatchAck {
  const ack = parse(text);
  if (ack?.error) return { kind: "refused", detail: detailOf(ack.error) };
  if (ack === undefined || typeof ack.seq !== "number" || ack.count !== count || ack.seq < count) {
    return { kind: "unknown", detail: "the broker's answer to a batch cannot be read" };
  }
  return { kind: "stored", firstSeq: ack.seq - count + 1 };
}
