/**
 * The failure of a call. `code` is the server's code if it sends one (from the gateway's catalogue, such as `session_backlog_full`), or else
 * one of these:
 * `unreachable` no connection, or it broke · `timeout` no answer in time · `bad_answer` the answer is not the expected JSON ·
 * `not_found` 404 · `refused` any other 4xx · `unavailable` any other status · `dead_letter` accepted, but later refused by the coordinator ·
 * `session_id_invalid` an id that cannot be used · `base_url_invalid` not a URL, or one with a login.
 */
export class SessionClientError extends Error {
  readonly code: string;
  /** HTTP status, if there was an answer. */
  readonly status: number | undefined;

  constructor(code: string, message: string, options: { status?: number; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "SessionClientError";
    this.code = code;
    this.status = options.status;
  }
}

/** Makes the error for an answer. `text` is its body: a gateway's problem+json, or the coordinator's `{"detail": …}`. */
export function errorOfAnswer(status: number, text: string): SessionClientError {
  const body = objectIn(text);
  const detail = body?.["detail"];
  const message = typeof detail === "string" ? detail : detail === undefined ? text : JSON.stringify(detail);
  const code = typeof body?.["code"] === "string" ? body["code"] : codeOfStatus(status);
  return new SessionClientError(code, `${status}: ${message.slice(0, 500)}`, { status });
}

function codeOfStatus(status: number): string {
  if (status === 404) return "not_found";
  return status >= 400 && status < 500 ? "refused" : "unavailable";
}

/** Parses a JSON object. Undefined if the text is not one. */
export function objectIn(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
