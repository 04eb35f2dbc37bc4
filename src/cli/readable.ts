import { isCoded } from "../shared/base/errors.ts";
import { scanJson } from "../shared/base/json-scan.ts";
import { decodeEnvelope, type Envelope } from "../shared/log/schema/envelope.ts";
import { decodeSessionEnvelope, type SessionEnvelope } from "../shared/session-log/event/session-envelope.ts";

/**
 * An envelope of either log for people and `jq`: the body parsed, bytes as text, times in ISO format. Throws `schema_newer` and `envelope_invalid`.
 */
export function readableEnvelope(bytes: Uint8Array): object {
  return readable(sessionEnvelope(bytes) ?? decodeEnvelope(bytes));
}

function sessionEnvelope(bytes: Uint8Array): SessionEnvelope | undefined {
  try {
    return decodeSessionEnvelope(bytes);
  } catch (error) {
    if (isCoded(error, "envelope_invalid")) return undefined;
    throw error;
  }
}

/** The same for an envelope that is already decoded. */
export function readable({ body, at, v, ...rest }: Envelope | SessionEnvelope): object {
  return {
    v,
    ...rest,
    at: Number.isFinite(at) ? new Date(at).toISOString() : at,
    body: readableBody(body, rest.type),
  };
}

/** Larger bodies stay text: a parser with a callback for each value would take seconds and might exhaust the stack. */
const LIMITS = { depth: 500, values: 1_000_000 };

/** The body of the executor's request: JSON with its numbers exactly as they came, even beyond 2^53; any other body as text. */
export function readableBody(body: Uint8Array, type: Envelope["type"]): unknown {
  const text = new TextDecoder().decode(body);
  if (!/json/i.test(type) || !scanJson(body, LIMITS).ok) return text;
  try {
    return JSON.parse(text, verbatim);
  } catch {
    return text;
  }
}

// ECMAScript's "JSON.parse source text access", which TypeScript's library does not have yet.
const { rawJSON } = JSON as unknown as { rawJSON: (text: string) => unknown };

function verbatim(_key: string, value: unknown, { source }: { source?: string } = {}): unknown {
  return typeof value === "number" && source !== undefined && String(value) !== source
    ? rawJSON(source)
    : value;
}
