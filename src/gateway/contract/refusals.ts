import type { HttpErrorCode } from "../../shared/base/errors.ts";

// Which codes the gateway answers where. The write path has the types of its refusals from here, so that a code that is not listed does not compile.

/** Any request: what the server and the guard refuse before a route is found. */
export const ANY_REFUSALS = [
  "request_malformed",
  "inbound_unauthorized",
  "host_refused",
  "origin_refused",
  "request_timeout",
  "expectation_failed",
  "headers_too_large",
  "internal",
] as const satisfies HttpErrorCode[];

/** What a body of a write is refused for. */
const BODY_REFUSALS = [
  "body_required",
  "body_invalid_json",
  "body_not_object",
  "body_too_deep",
  "field_missing",
  "field_invalid",
  "session_id_invalid",
  "session_id_mismatch",
] as const satisfies HttpErrorCode[];

/** A write, besides {@link ANY_REFUSALS}. */
export const WRITE_REFUSALS = [
  ...BODY_REFUSALS,
  "idempotency_key_invalid",
  "path_ambiguous",
  "body_too_large",
  "media_type_unsupported",
  "idempotency_key_reused",
  "session_backlog_full",
  "gateway_busy",
  "gateway_stopping",
  "log_unreachable",
  "log_full",
  "log_refused",
  "event_id_taken",
] as const satisfies HttpErrorCode[];

/** A run report, besides {@link WRITE_REFUSALS}. */
export const REPORT_REFUSALS = ["run_unknown", "run_session_unknown"] as const satisfies HttpErrorCode[];

/** A receipt. */
export const RECEIPT_REFUSALS = [
  "field_missing",
  "field_invalid",
  "not_found",
  "receipt_gone",
  "relay_unavailable",
] as const satisfies HttpErrorCode[];

/** A request that passes through to the coordinator. */
export const PASSED_REFUSALS = [
  "framing_invalid",
  "target_invalid",
  "path_not_allowed",
  "credential_echoed",
  "coordinator_unreachable",
  "relay_lost",
  "tunnel_broken",
  "gateway_stopping",
  "relay_unavailable",
  "token_unavailable",
  "tunnel_busy",
  "coordinator_timeout",
] as const satisfies HttpErrorCode[];

type CodeOf<List extends readonly HttpErrorCode[]> = List[number];
/** Why a body cannot be stored. */
export type BodyRefusal = CodeOf<typeof BODY_REFUSALS> | "internal";
/** Why a write is not stored. */
export type WriteRefusal =
  | CodeOf<typeof WRITE_REFUSALS>
  | CodeOf<typeof REPORT_REFUSALS>
  | CodeOf<typeof ANY_REFUSALS>;
/** Why a receipt is not given. */
export type ReceiptRefusal = CodeOf<typeof RECEIPT_REFUSALS>;
