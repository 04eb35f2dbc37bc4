import { scanJson } from "../shared/base/json-scan.ts";
import { decodeEnvelope, type Envelope } from "../shared/log/schema/envelope.ts";

/** An envelope as people and `jq` read it: the body parsed, bytes as text, times as ISO. Throws what `decodeEnvelope` throws. */
export function readableEnvelope(bytes: Uint8Array): object {
  return readable(decodeEnvelope(bytes));
}

/** The same of one that is decoded already. */
export function readable({ body, at, v, ...rest }: Envelope): object {
  return {
    v,
    ...rest,
    at: Number.isFinite(at) ? new Date(at).toISOString() : at,
    body: readableBody(body, rest.type),
  };
}

/** What is laid out for people and `jq`; more stays text, for a parser that calls back for each value takes seconds, and its stack ends. */
const LIMITS = { depth: 500, values: 1_000_000 };

/** What was in the executor's request: JSON whose numbers are written as they came, also beyond 2^53; text for anything else. */
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
