import type { Kind } from "../../shared/subjects.ts";
import { isJsonObject, looksLikeRefusal, readAnswer } from "./answer-body.ts";
import { retryAfterMs } from "./backoff.ts";

/** What came of one attempt to send something to the coordinator. */
export type AttemptResult =
  | {
      kind: "response";
      status: number;
      headers: Record<string, string | string[] | undefined>;
      body: Uint8Array;
      /** The connection ended after the head, before the whole body. */
      broken: boolean;
    }
  | {
      kind: "failed";
      /** `connect`: no connection could be made. `yielded`: given up early so that other sessions are served. */
      cause: "connect" | "timeout" | "reset" | "garbage" | "yielded";
      text: string;
    };

/** Why everything waits: codes of the error catalogue. */
export type PauseReason =
  | "wrong_address"
  | "route_unknown"
  | "redirected"
  | "unauthorized"
  | "token_unavailable"
  | "mass_refusal"
  | "poison_stop"
  | "paused_by_operator";

/** The coordinator's word on one event (DESIGN 8, "Verdicts"). */
export type Verdict =
  | { kind: "delivered" }
  /** `connection`: the coordinator could not be reached at all. `failure`: counts for the breaker. */
  | { kind: "retry"; reason: string; retryAfterMs?: number; connection: boolean; failure: boolean }
  /** The coordinator understood the event and refuses it for good. */
  | { kind: "dead"; status: number; reason: string }
  /** 401 or 403: says nothing about the event. */
  | { kind: "unauthorized"; status: number }
  /** The coordinator lost its runners; nothing to do with credentials. */
  | { kind: "unregistered" }
  | { kind: "pause"; reason: PauseReason; text: string };

/** What one request came to: a batch that was refused as a whole says nothing about its events, and is divided. */
export type AttemptKind = Verdict["kind"] | "divided";

/** Refusals that are the coordinator's own when they come in its form. */
const FINAL = new Set([400, 404, 409, 413, 415, 422]);
/** FastAPI's answer for a path it does not know: a wrong base URL, not a wrong session. */
const UNKNOWN_ROUTE = "Not Found";

/** Decides on one attempt. Pure; `wallMs` only reads a `Retry-After` date. */
export function verdictOf(result: AttemptResult, kind: Kind, wallMs: number): Verdict {
  if (result.kind === "failed") {
    return {
      kind: "retry",
      reason: `${result.cause}: ${result.text}`,
      connection: result.cause === "connect",
      failure: result.cause !== "yielded",
    };
  }
  const { status } = result;
  const json = isJson(result.headers["content-type"]);
  if (status >= 200 && status < 300) return success(result, json, wallMs);
  if (status >= 300 && status < 400) {
    return {
      kind: "pause",
      reason: "redirected",
      text: `${status} to ${one(result.headers["location"]) ?? "nowhere"}`,
    };
  }
  const detail = json ? detailOf(result.body) : undefined;
  if (status === 405 || (status === 404 && detail === UNKNOWN_ROUTE)) {
    return {
      kind: "pause",
      reason: "route_unknown",
      text: detail === undefined ? `${status}` : `${status} ${text(detail)}`,
    };
  }
  if (status === 401 || status === 403) {
    return kind === "run" && status === 401 && detail === "Runner not registered"
      ? { kind: "unregistered" }
      : { kind: "unauthorized", status };
  }
  if (status === 409 && detail !== undefined && /duplicate/i.test(text(detail))) return { kind: "delivered" };
  if (FINAL.has(status) && detail !== undefined && !result.broken) {
    return { kind: "dead", status, reason: text(detail) };
  }
  return retry(result, `status ${status}`, wallMs);
}

function success(result: AttemptResult & { kind: "response" }, json: boolean, wallMs: number): Verdict {
  if (result.broken) {
    // the head said yes, so the coordinator has it; repeating would only make a duplicate
    return json ? { kind: "delivered" } : retry(result, `status ${result.status} broken off`, wallMs);
  }
  if (result.body.length === 0) return { kind: "delivered" };
  if (json && isJsonObject(result.body)) return { kind: "delivered" };
  return retry(result, `status ${result.status} without a JSON object`, wallMs);
}

function retry(result: AttemptResult & { kind: "response" }, reason: string, wallMs: number): Verdict {
  const after = retryAfterMs(one(result.headers["retry-after"]), wallMs);
  return {
    kind: "retry",
    reason,
    connection: false,
    failure: result.status !== 429, // asks for patience: the coordinator is well
    ...(after === undefined ? {} : { retryAfterMs: after }),
  };
}

function isJson(contentType: string | string[] | undefined): boolean {
  return /^application\/(?:[\w.+-]+\+)?json\b/i.test(one(contentType) ?? "");
}

/** `detail` of a JSON object: that is the coordinator's form of a refusal. */
function detailOf(body: Uint8Array): unknown {
  const value = readAnswer(body);
  if (value === undefined && looksLikeRefusal(body))
    return `a refusal of ${body.length} bytes, too long to be read`;
  return isObject(value) && "detail" in value ? value["detail"] : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Longest reason, characters: it goes into log lines, states and dead letters. */
const MAX_REASON = 4000;

/**
 * A refusal in words. The coordinator's validation errors quote the refused value (`input`), which may be a prompt or code: only where
 * and what is kept, for the reason goes into log lines and dead letters.
 */
function text(detail: unknown): string {
  const words = wordsOf(detail);
  return words.length > MAX_REASON ? `${words.slice(0, MAX_REASON - 1)}…` : words;
}

function wordsOf(detail: unknown): string {
  if (typeof detail === "string") return detail;
  if (!Array.isArray(detail)) return JSON.stringify(detail);
  return detail
    .map((problem: unknown) => {
      if (!isObject(problem) || typeof problem["msg"] !== "string") return "refused";
      const { loc } = problem;
      const where =
        Array.isArray(loc) && loc.every((part) => typeof part !== "object") ? `${loc.join(".")}: ` : "";
      return where + problem["msg"];
    })
    .join("; ");
}

function one(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}
