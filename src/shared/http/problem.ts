import { ERRORS, type HttpErrorCode } from "../base/errors.ts";

/** Seconds that a client should wait before it retries, for codes where a retry can help. */
const RETRY_AFTER: Partial<Record<HttpErrorCode, number>> = {
  log_unreachable: 2, // a broker restarts in less than a second
  log_full: 30, // pruning runs every ten minutes
  log_refused: 30,
  event_id_taken: 1, // the next attempt has another id
  relay_unavailable: 2,
  tunnel_busy: 1,
  gateway_busy: 1,
  too_many_attempts: 1,
  run_session_unknown: 5,
  token_unavailable: 5,
  issuer_unreachable: 5,
  reviewer_unreachable: 2,
  too_many_watchers: 5,
  too_many_turns: 5,
  too_many_sessions: 5,
  too_many_writes: 1,
  gateway_stopping: 2,
  caller_tokens_full: 5, // turns begin when workers are free
  session_backlog_full: 5,
  turns_full: 5,
  sessions_full: 30, // retention makes room
};

/** An error answer (RFC 9457). `detail` is what existing clients read. */
export type Problem = {
  status: number;
  headers: Record<string, string>;
  body: Buffer;
};

/** Builds the answer for a code of the catalogue. */
export function problemOf(code: HttpErrorCode, detail: string): Problem {
  const { status, title } = ERRORS[code];
  const headers: Record<string, string> = { "content-type": "application/problem+json" };
  const seconds = RETRY_AFTER[code];
  if (seconds !== undefined) headers["retry-after"] = String(seconds);
  if (code === "inbound_unauthorized") headers["www-authenticate"] = "Bearer";
  const body = { type: `urn:runner-relay:error:${code}`, title, status, detail, code };
  return { status, headers, body: Buffer.from(JSON.stringify(body)) };
}
