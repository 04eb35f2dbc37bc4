/**
 * The server refused a call, or answered what nobody can use. `code` is the server's own code if it sent one (its catalogue is docs/errors.md), or else one of these:
 * `unauthorized` 401 · `forbidden` 403 · `not_found` 404 · `refused` any other 3xx or 4xx · `unavailable` any other status · `bad_answer` the answer is not what the
 * contract says · `answer_too_large` it is longer than this client reads · `session_deleted`, `auth_ended` and `stream_closed` the server ended a stream for good ·
 * `log_reset` the log of sessions was replaced, so that nobody knows what became of a turn · `url_invalid`, `id_invalid` a value that was not sent.
 */
export class GatewayError extends Error {
  readonly code: string;
  /** HTTP status, if there was an answer. */
  readonly status: number | undefined;

  constructor(code: string, message: string, options: { status?: number; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "GatewayError";
    this.code = code;
    this.status = options.status;
  }
}

/** There was no answer. `unreachable`: no connection, or it broke · `timeout`: nothing came in time · `closed`: this client was closed. */
export class ConnectionError extends Error {
  readonly code: "unreachable" | "timeout" | "closed";

  constructor(code: "unreachable" | "timeout" | "closed", message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "ConnectionError";
    this.code = code;
  }
}

/** Most of a refusal's text that is repeated, characters. */
const MOST_SHOWN = 500;

/** The error of an answer that is a refusal. `text` is its body: problem+json, or anything that a proxy sends. Pure. */
export function errorOfAnswer(status: number, text: string): GatewayError {
  const { code, detail, title } = objectIn(text) ?? {};
  const said = [detail, title, text, "no reason given"].filter((it) => typeof it === "string" && it !== "");
  const message = `${status}: ${String(said[0]).slice(0, MOST_SHOWN)}`;
  return new GatewayError(typeof code === "string" ? code : codeOfStatus(status), message, { status });
}

function codeOfStatus(status: number): string {
  if (status === 401) return "unauthorized";
  if (status === 403) return "forbidden";
  if (status === 404) return "not_found";
  return status < 500 ? "refused" : "unavailable";
}

/** Parses a JSON object. Undefined if the text is not one. Pure. */
export function objectIn(text: string): Record<string, unknown> | undefined {
  try {
    return asObject(JSON.parse(text));
  } catch {
    return undefined;
  }
}

export function asObject(value: unknown): Record<string, unknown> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

/** The error of an answer that lacks what the contract says. */
export function badAnswer(field: string, status: number): GatewayError {
  return new GatewayError("bad_answer", `the answer has no usable ${field}`, { status });
}
