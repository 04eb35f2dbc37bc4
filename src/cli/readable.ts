import { decodeEnvelope, type Envelope } from "../shared/envelope.ts";

/** An envelope as people and `jq` read it: the body parsed, bytes as text, times as ISO. Throws what `decodeEnvelope` throws. */
export function readableEnvelope(bytes: Uint8Array): object {
  const { body, at, v, ...rest } = decodeEnvelope(bytes);
  return {
    v,
    ...rest,
    at: Number.isFinite(at) ? new Date(at).toISOString() : at,
    body: readableBody(body, rest.type),
  };
}

/** What was in the executor's request. Numbers beyond 2^53 would change when parsed: such a body stays text. */
function readableBody(body: Uint8Array, type: Envelope["type"]): unknown {
  const text = new TextDecoder().decode(body);
  if (!/json/i.test(type)) return text;
  try {
    const parsed: unknown = JSON.parse(text);
    return /\d{16,}/.test(text) ? text : parsed;
  } catch {
    return text;
  }
}
