import { inspect } from "node:util";
import { showUrlsIn } from "./show-url.ts";

/**
 * The one catalogue of error codes. `docs/errors.md` explains each code, and a test compares the two in both directions. `status` is the HTTP status
 * of codes in HTTP answers; codes without one end a process or appear in a log line.
 */
export const ERRORS = {
  // The gateway's answers to executors
  body_required: { status: 400, title: "Request body required" },
  body_invalid_json: { status: 400, title: "Invalid JSON" },
  body_not_object: { status: 400, title: "The body must be a JSON object" },
  body_too_deep: { status: 400, title: "The body is nested too deeply" },
  field_missing: { status: 400, title: "A required field is missing" },
  field_invalid: { status: 400, title: "A field has the wrong type or form" },
  session_id_invalid: { status: 400, title: "The session id cannot be used" },
  session_id_mismatch: { status: 400, title: "The session id of the body differs from the path's" },
  prefer_invalid: { status: 400, title: "The Prefer header cannot be read" },
  idempotency_key_invalid: { status: 400, title: "The Idempotency-Key cannot be used" },
  request_malformed: { status: 400, title: "The request is not valid HTTP" },
  framing_invalid: { status: 400, title: "The length of the body is ambiguous" },
  path_ambiguous: { status: 400, title: "The path is ambiguous" },
  target_invalid: { status: 400, title: "The target cannot be forwarded" },
  inbound_unauthorized: { status: 401, title: "A bearer token is required" },
  token_required: { status: 401, title: "The console requires its token" },
  too_many_attempts: { status: 429, title: "Too many wrong tokens" },
  host_refused: { status: 403, title: "This host name is not served" },
  origin_refused: { status: 403, title: "Requests from web pages are refused" },
  run_unknown: { status: 404, title: "The coordinator does not know the run" },
  run_session_unknown: { status: 503, title: "The run's session cannot be determined right now" },
  not_found: { status: 404, title: "No such resource" },
  method_not_allowed: { status: 405, title: "The path has other methods" },
  request_timeout: { status: 408, title: "The request took too long to arrive" },
  receipt_gone: { status: 410, title: "The event is older than the retention" },
  session_busy: { status: 409, title: "The session still has pending events" },
  runner_conflict: { status: 409, title: "This gateway serves a different runner" },
  body_too_large: { status: 413, title: "The body is too large" },
  expectation_failed: { status: 417, title: "This expectation is not supported" },
  media_type_unsupported: { status: 415, title: "JSON is required" },
  idempotency_key_reused: {
    status: 422,
    title: "The Idempotency-Key was already used with a different body",
  },
  session_backlog_full: { status: 429, title: "The session has too many pending events" },
  headers_too_large: { status: 431, title: "The request headers are too large" },
  connect_not_forwarded: { status: 501, title: "CONNECT is not forwarded" },
  method_not_forwarded: { status: 501, title: "The method is not forwarded" },
  gateway_busy: { status: 503, title: "There is no memory left for the body" },
  gateway_stopping: { status: 503, title: "The server is stopping" },
  log_unreachable: { status: 503, title: "The log cannot be reached" },
  log_full: { status: 503, title: "The log is full" },
  log_refused: { status: 503, title: "The log refused the event" },
  caller_tokens_full: { status: 503, title: "The server holds too many callers' tokens" },
  credentials_refused: { title: "The back end refuses the credentials of a turn" },
  credentials_unwritable: { title: "A turn's credentials cannot be written" },
  turns_full: { status: 429, title: "The session has too many turns waiting" },
  workspace_refused: { status: 403, title: "The session may not work in this folder" },
  workspace_busy: { status: 409, title: "Another session works in the folder" },
  workspace_unusable: { title: "The session's folder cannot be used" },
  agent_unknown: { title: "The worker has no such agent" },
  worker_gone: { title: "No worker could run the turn in time" },
  scope_missing: { status: 403, title: "The credential does not allow this" },
  user_forbidden: { status: 403, title: "The credential belongs to another user" },
  issuer_unreachable: { status: 503, title: "The issuer of tokens does not answer" },
  too_many_watchers: { status: 429, title: "The user has too many streams" },
  too_many_turns: { status: 429, title: "The user has too many turns" },
  too_many_sessions: { status: 429, title: "The user has too many sessions" },
  too_many_writes: { status: 429, title: "The user writes too often" },
  session_unknown: { status: 404, title: "No such session" },
  ambiguous_session: { status: 409, title: "Several users have a session with this id" },
  pod_taken: { status: 409, title: "The pod runs another session" },
  grant_malformed: { status: 400, title: "The request for a token cannot be read" },
  grant_refused: { status: 400, title: "There is no token for this" },
  reviewer_unreachable: { status: 503, title: "The cluster does not say whose token it is" },
  session_exists: { status: 409, title: "The session exists with other properties" },
  turn_unknown: { status: 404, title: "The session has no such turn" },
  turn_running: { status: 409, title: "A turn of the session has not ended" },
  nothing_runs: { status: 409, title: "No turn of the session runs" },
  question_unknown: { status: 404, title: "The session has no such question" },
  question_closed: { status: 409, title: "The question was answered otherwise, or its turn has ended" },
  cursor_invalid: { status: 400, title: "The cursor cannot be read" },
  cursor_foreign: { status: 410, title: "The cursor belongs to another log" },
  agent_memory: { title: "An agent took too much memory" },
  turn_timeout: { title: "A turn took too long" },
  sessions_full: { status: 429, title: "The log of sessions has no room" },
  event_id_taken: { status: 503, title: "The log holds another event with this id" },
  relay_unavailable: { status: 503, title: "No relay answers" },
  path_not_allowed: { status: 403, title: "The path is not on the allow-list" },
  tunnel_busy: { status: 503, title: "Too many requests are under way" },
  tunnel_broken: { status: 502, title: "The answer was cut off" },
  credential_echoed: { status: 502, title: "The answer contains the relay's credentials" },
  relay_lost: { status: 502, title: "The relay that forwarded the request is gone" },
  coordinator_unreachable: { status: 502, title: "The coordinator cannot be reached" },
  runner_unknown: { status: 404, title: "The session has no runner that the server knows" },
  runner_unreachable: { status: 502, title: "The session's runner cannot be reached" },
  runner_refused: { status: 502, title: "The session's runner refuses the server" },
  runner_failed: { status: 502, title: "The session's runner failed" },
  runner_answer_invalid: { status: 502, title: "The answer of the session's runner cannot be passed on" },
  runner_timeout: { status: 504, title: "The session's runner did not answer in time" },
  coordinator_timeout: { status: 504, title: "The coordinator did not answer in time" },
  internal: { status: 500, title: "Unexpected failure" },

  // Configuration and start
  config_invalid: { title: "The configuration is invalid" },
  listen_refused: { title: "Listening beyond loopback needs authentication" },
  port_taken: { title: "The port is taken" },
  socket_unusable: { title: "The Unix socket cannot be used" },
  data_locked: { title: "Another process uses the data folder" },
  data_unusable: { title: "The data folder cannot be used" },
  broker_missing: { title: "No nats-server could be found or fetched" },
  broker_failed: { title: "nats-server does not start" },
  broker_too_old: { title: "The nats-server is too old" },
  broker_refused: { title: "The nats-server refuses the connection" },
  broker_limited: { title: "The broker's limits are too small" },
  not_durable: { title: "The broker's settings do not make writes durable" },
  jetstream_disabled: { title: "JetStream is not enabled on the nats-server" },
  sessions_unavailable: { title: "There is no log of sessions" },
  stream_missing: { title: "The log does not exist" },
  shards_fixed: { title: "The log has another number of shards" },
  stream_differs: { title: "The log exists with other settings" },
  consumer_missing: { title: "A consumer of the log does not exist" },
  consumer_differs: { title: "A consumer starts after events that still have to be sent" },
  consumer_damaged: { title: "The broker cannot read a consumer" },
  relay_name_taken: { title: "Another relay has this name" },
  checkpoint_missing: { title: "Events without a checkpoint" },
  checkpoint_mismatch: { title: "The checkpoint belongs to another log" },
  staging_on_disk: { title: "Batches are staged on the disk" },
  store_lost: { title: "The broker's store was removed while it ran" },
  store_damaged: { title: "A stream's own files are damaged" },
  log_shortened: { title: "The log lost its end" },
  log_holes: { title: "Events are missing in the middle of the log" },
  log_gone: { title: "The log is gone" },
  dead_letters_gone: { title: "Dead letters are missing" },
  state_damaged: { title: "The relays' state is damaged" },
  coordinator_changed: { title: "The log belongs to another coordinator" },
  schema_newer: { title: "Written by a newer version" },
  envelope_invalid: { title: "Not an envelope" },
  credentials_invalid: { title: "The credentials cannot be used" },
  child_failed: { title: "A process of runner-relay ended" },

  // Why a relay does not send (shown in status, state and logs)
  breaker_open: { title: "The coordinator does not answer" },
  wrong_address: { title: "The address does not look like a coordinator" },
  route_unknown: { title: "The coordinator does not know the route" },
  redirected: { title: "The coordinator redirects" },
  unauthorized: { title: "The coordinator refuses the credentials" },
  token_unavailable: { status: 503, title: "No token is available" },
  mass_refusal: { title: "The coordinator refuses most events" },
  runner_mismatch: { title: "The runner registered a different hostname or profile" },
  runner_not_registered: { title: "The coordinator does not know the runner" },
  dead_letters_refused: { title: "The dead-letter stream refuses writes" },
  poison_stop: { title: "A poison event stopped the relay" },
  paused_by_operator: { title: "Paused by an operator" },
  sequence_gap: { title: "A session has gaps in its numbering" },

  // Commands
  usage: { title: "The command line is not valid" },
  nothing_found: { title: "Nothing found" },
  declined: { title: "Not confirmed" },
  sessions_unreachable: { title: "The sessions server does not answer" },
  sessions_refused: { title: "The sessions server refused" },
  turn_failed: { title: "The turn failed" },
  turn_interrupted: { title: "The turn was interrupted" },
} as const;

export type ErrorCode = keyof typeof ERRORS;
/** The codes that have an HTTP status. */
export type HttpErrorCode = {
  [C in ErrorCode]: (typeof ERRORS)[C] extends { status: number } ? C : never;
}[ErrorCode];

/** True if a text is a code that has an HTTP status. */
export function isHttpCode(code: string): code is HttpErrorCode {
  return Object.entries(ERRORS).some(([known, entry]) => known === code && "status" in entry);
}

/** An error that the user can act on: `code` from the catalogue, a message for people, and the foreign error as `cause`. */
export class CodedError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "CodedError";
    this.code = code;
  }
}

export function codedError(code: ErrorCode, message: string, options?: ErrorOptions): CodedError {
  return new CodedError(code, message, options);
}

export function isCoded(error: unknown, code?: ErrorCode): error is CodedError {
  return error instanceof CodedError && (code === undefined || error.code === code);
}

/** Most causes in a text, because some errors are their own cause. */
const MAX_CAUSES = 8;

/**
 * The text of any thrown value with the texts of its causes, because foreign errors often have the important part there. URLs in it are shown without
 * logins, because some errors quote the URL with its password (CRED-1).
 */
export function errorText(error: unknown): string {
  return showUrlsIn(textOf(error, 0));
}

function textOf(error: unknown, depth: number): string {
  if (!(error instanceof Error)) return typeof error === "string" ? error : inspect(error, { depth: 1 });
  const own = error.message || ("code" in error ? String(error.code) : error.name);
  if (depth === MAX_CAUSES) return own;
  if (error instanceof AggregateError && error.errors.length > 0) return textOf(error.errors[0], depth + 1);
  if (error.cause === undefined) return own;
  const below = textOf(error.cause, depth + 1);
  return own.includes(below) ? own : `${own}: ${below}`; // nats.js wraps some errors in others with the same text, and our messages quote causes
}
