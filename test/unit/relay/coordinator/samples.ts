import type { AttemptResult } from "../../../../src/relay/coordinator/verdict.ts";
import type { Envelope } from "../../../../src/shared/log/schema/envelope.ts";

export function answer(status: number, body: unknown, broken = false): AttemptResult {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return { kind: "response", status, headers: {}, body: Buffer.from(text), broken };
}

export const REFUSED: AttemptResult = { kind: "failed", cause: "connect", text: "ECONNREFUSED" };

export function envelope(over: Partial<Envelope>): Envelope {
  return {
    v: 1,
    id: "e",
    kind: "event",
    session: "s",
    runner: "r",
    epoch: "1",
    seq: 1,
    at: 0,
    type: "application/json",
    body: new Uint8Array(),
    ...over,
  };
}
