import type { Kind } from "../../shared/log/schema/subjects.ts";
import { isJsonText, looksLikeRefusal, readAnswer } from "./answer-body.ts";
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
      /**
       * `connect`: no connection could be made. `yielded`: given up early so that other sessions are served. `closed`: a kept connection was closed as it was
       * used, before any byte of an answer; a fresh one tells what is the matter.
       */
      cause: "connect" | "timeout" | "closed" | "reset" | "garbage" | "yielded";
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

/** The coordinator's word on one event (docs/contract.md, "Verdicts"). */
export type Verdict =
  | { kind: "delivered" }
  /**
   * `connection`: the coordinator could not be reached at all. `failure`: counts for the breaker. `unclear`: a success that either the
   * coordinator or a server in front of it may have answered. `foreign`: an answer without the coordinator's form, which may come from another server.
   * `silent`: no answer for as long as an attempt may take.
   */
  | {
      kind: "retry";
      reason: string;
      retryAfterMs?: number;
      connection: boolean;
      failure: boolean;
      unclear?: true;
      foreign?: true;
      silent?: true;
    }
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

function one(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `detail` of a JSON object: that is the coordinator's form of a refusal. */
function detailOf(body: Uint8Array): unknown {
  const value = readAnswer(body);
  if (value === undefined && looksLikeRefusal(body))
    return `a refusal of ${body.length} bytes, which is too long to read`;
  return isObject(value) && "detail" in value ? value["detail"] : undefined;
}

function retry(
  result: AttemptResult & { kind: "response" },
  reason: string,
  wallMs: number,
): Verdict & { kind: "retry" } {
  const after = retryAfterMs(one(result.headers["retry-after"]), wallMs);
  const foreign = result.status < 400 || detailOf(result.body) === undefined;
  return {
    kind: "retry",
    reason,
    connection: false,
    failure: result.status !== 429, // asks for patience: the coordinator is well
    ...(after === undefined ? {} : { retryAfterMs: after }),
    ...(foreign ? { foreign } : {}),
  };
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

function isJson(contentType: string | undefined): boolean {
  return /^\s*(?:application|text)\/(?:[\w.+-]+\+)?json\b/i.test(contentType ?? "");
}

/** Longest part of a failure's own words that is kept, characters: it is shown in lists. */
const MAX_WORDS = 300;

function firstLineOf(body: Uint8Array): string {
  const start = Buffer.from(body.subarray(0, 4 * MAX_WORDS))
    .toString("utf8")
    .trimStart();
  return start.slice(0, start.search(/[\r\n]|$/)).trimEnd();
}

/** `status 500: database is locked`: what a failed attempt was answered, with the words if there are some for people. Pure. */
function reasonOf({ status, headers, body }: AttemptResult & { kind: "response" }): string {
  const type = one(headers["content-type"]);
  const detail = isJson(type) || type === undefined ? detailOf(body) : undefined;
  const plain = /^\s*text\/plain\b/i.test(type ?? "") ? firstLineOf(body) : "";
  const words = detail === undefined ? plain : text(detail);
  if (words === "") return `status ${status}`;
  return `status ${status}: ${words.length > MAX_WORDS ? `${words.slice(0, MAX_WORDS - 1)}…` : words}`;
}

/** A login page, an ingress's or a proxy's: HTML or XML by its type or its first character. JSON that is called HTML is none. */
function isPage(contentType: string | undefined, body: Uint8Array): boolean {
  if (body.find((byte) => byte > 0x20) === 0x3c) return true;
  return /^\s*(?:text\/html|(?:application|text)\/(?:[\w.-]+\+)?xml)\b/i.test(contentType ?? "")
    ? body.length > 0 && !isJsonText(body)
    : false;
}

/** An event that the coordinator accepted must not be sent again for ever, and an answer of a server in front of it is no acceptance (ADR 0021). */
function success(result: AttemptResult & { kind: "response" }, json: boolean, wallMs: number): Verdict {
  const { body, broken, status } = result;
  const type = one(result.headers["content-type"]);
  if (isPage(type, body)) return retry(result, `status ${status} with a web page`, wallMs);
  // The head is a success in the coordinator's form, so the coordinator has the event, whatever the body says and whether or not it arrived whole.
  if (json || (body.length === 0 && !broken)) return { kind: "delivered" };
  if (!broken && isJsonText(body)) return { kind: "delivered" };
  // no server in between answers that something was created
  if (status !== 200 && body.length > 0) return { kind: "delivered" };
  return broken
    ? retry(result, `status ${status} with an incomplete body`, wallMs)
    : { ...retry(result, `status ${status} without JSON`, wallMs), unclear: true };
}

/** Decides on one attempt. Pure; `wallMs` only reads a `Retry-After` date. */
export function verdictOf(result: AttemptResult, kind: Kind, wallMs: number): Verdict {
  if (result.kind === "failed") {
    return {
      kind: "retry",
      reason: `${result.cause}: ${result.text}`,
      connection: result.cause === "connect",
      failure: result.cause !== "yielded",
      ...(result.cause === "timeout" ? { silent: true as const } : {}),
    };
  }
  const { status } = result;
  const type = one(result.headers["content-type"]);
  const json = isJson(type);
  if (status >= 200 && status < 300) return success(result, json, wallMs);
  if (status >= 300 && status < 400) {
    return {
      kind: "pause",
      reason: "redirected",
      text: `${status} to ${one(result.headers["location"]) ?? "nowhere"}`,
    };
  }
  if (status === 407)
    return { kind: "pause", reason: "wrong_address", text: "a proxy asks for a login (407)" };
  // without a content type, only the form tells which server answered
  const detail = json || type === undefined ? detailOf(result.body) : undefined;
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
  return retry(result, reasonOf(result), wallMs);
}
