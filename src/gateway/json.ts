/** A parsed JSON object: only own keys count. */
export type JsonObject = Record<string, unknown>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Node 24 hands a reviver the source text of primitives and can write a number's text back; TypeScript's library lacks both. */
type Reviver = (key: string, value: unknown, context: { source?: string }) => unknown;
const json = JSON as unknown as {
  parse(text: string, reviver: Reviver): unknown;
  rawJSON(text: string): unknown;
};

/** Parses so that `JSON.stringify` writes every number as it came: beyond 2^53, `1.0`, `-0` and `1e400` survive. */
export function parseExactly(text: string): unknown {
  return json.parse(text, (_key, value, { source }) =>
    typeof value === "number" && source !== undefined && source !== String(value)
      ? json.rawJSON(source)
      : value,
  );
}

/** True if arrays and objects are nested at most `limit` deep. Does not recurse itself deeper than that. */
export function isWithinDepth(value: unknown, limit: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  if (limit === 0) return false;
  for (const key in value) {
    const inner = (value as JsonObject)[key];
    if (typeof inner === "object" && inner !== null && !isWithinDepth(inner, limit - 1)) return false;
  }
  return true;
}
