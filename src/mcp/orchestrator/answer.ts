/** What became of one request to the coordinator. */
export type Answer =
  | { kind: "ok"; body: unknown }
  /** The coordinator's own answer, which another try would not change. */
  | { kind: "refused"; status: number; text: string }
  /** Something on the way is away. `carriedOut`: whether the coordinator may have done what was asked. */
  | { kind: "away"; carriedOut: "no" | "unknown"; text: string };

/** Statuses of an outage, also where a proxy stands between. 429 asks for another try. */
const AWAY: ReadonlySet<number> = new Set([429, 502, 503, 504]);
/** Codes of the gateway with which nothing left for the coordinator (docs/errors.md). */
const NOT_PASSED_ON: ReadonlySet<unknown> = new Set([
  "relay_unavailable",
  "tunnel_busy",
  "gateway_stopping",
  "gateway_busy",
  "token_unavailable",
]);
/** A coordinator's text may quote a whole request. */
const MOST_TEXT = 2000;

/** Judges an answer by its status and body. Pure. */
export function answerOf(status: number, body: string): Answer {
  const value = jsonIn(body);
  if (status >= 200 && status < 300)
    return value === undefined && body !== ""
      ? { kind: "away", carriedOut: "unknown", text: `status ${status}, but not JSON` }
      : { kind: "ok", body: value };
  const { detail, code } = isObject(value) ? value : {};
  const said = detail === undefined ? body : typeof detail === "string" ? detail : JSON.stringify(detail);
  const text = `${status}: ${said.slice(0, MOST_TEXT)}`;
  if (!AWAY.has(status)) return { kind: "refused", status, text };
  return { kind: "away", carriedOut: status === 429 || NOT_PASSED_ON.has(code) ? "no" : "unknown", text };
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
