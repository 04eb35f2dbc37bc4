import type { CredentialProblemCode } from "./port.ts";

/** The issuer's answer to the last request of an attempt. */
export type HttpOutcome =
  | { kind: "answered"; status: number; headers: Headers; body: string }
  /** There was no answer; `text` is the network's error. */
  | { kind: "unreachable"; text: string };

export type Failure = {
  kind: "failed";
  code: CredentialProblemCode;
  reason: string;
  retryAfterMs?: number;
};

/** Error codes of RFC 6749 5.2 and RFC 8707 that do not change until someone changes the client, its permissions or our settings. */
const REFUSALS = new Set([
  "access_denied",
  "invalid_client",
  "invalid_grant",
  "invalid_request",
  "invalid_scope",
  "invalid_target",
  "unauthorized_client",
  "unsupported_grant_type",
]);

/**
 * The reason why an attempt failed, from the answer on the wire. `complaint` is openid-client's text, which is used if the status looks right. `hide`
 * removes known secrets, because issuers quote what they were sent. Pure.
 */
export function failureOf(
  at: { step: "discovery" | "token"; issuer: URL },
  outcome: HttpOutcome | undefined,
  complaint: string,
  hide: (text: string) => string,
): Failure {
  const subject =
    at.step === "discovery"
      ? `discovery at the issuer ${at.issuer.origin}`
      : `the issuer ${at.issuer.origin}`;
  const shown = (text: string): string => printable(hide(text));
  if (outcome === undefined) return failed("token_unavailable", `${subject}: ${shown(complaint)}`);
  if (outcome.kind === "unreachable")
    return failed("token_unavailable", `${subject} cannot be reached: ${shown(outcome.text)}`);

  const { status, headers } = outcome;
  const type = shown(headers.get("content-type")?.split(";")[0] ?? "no content type");
  if (status >= 200 && status < 300) {
    const what = at.step === "token" ? "no usable token" : "no usable discovery document";
    return failed(
      "token_unavailable",
      `${subject} answered ${status} with ${what} (${type}): ${shown(complaint)}`,
    );
  }
  const { error, description } = oauthError(outcome.body);
  const refused =
    at.step === "token" &&
    status < 500 &&
    (((status === 401 || status === 403) && !isPage(outcome.body)) ||
      (error !== undefined && REFUSALS.has(error)));
  const detail = [error ?? type, description].filter((text) => text !== undefined).map(shown);
  return {
    ...failed(
      refused ? "credentials_invalid" : "token_unavailable",
      `${subject} answered ${status} (${detail.join(": ")})`,
    ),
    ...retryAfter(headers.get("retry-after")),
  };
}

function failed(code: CredentialProblemCode, reason: string): Failure {
  return { kind: "failed", code, reason };
}

/** True for an answer of a proxy or firewall in between, which says nothing about the client. */
function isPage(body: string): boolean {
  return body.trimStart().startsWith("<");
}

function oauthError(body: string): { error?: string; description?: string } {
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value !== "object" || value === null) return {};
    const { error, error_description: description } = value as Record<string, unknown>;
    return {
      ...(typeof error === "string" ? { error } : {}),
      ...(typeof description === "string" ? { description } : {}),
    };
  } catch {
    return {};
  }
}

/** Parses `Retry-After` in seconds only. A date would be wrong if the two wall clocks differ. */
function retryAfter(value: string | null): { retryAfterMs?: number } {
  return value !== null && /^\d{1,6}$/.test(value) ? { retryAfterMs: Number(value) * 1000 } : {};
}

/** Shortens a text to one line of at most 200 characters. Secrets must be hidden before, because a cut could leave the first half of one. */
function printable(text: string): string {
  return text
    .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ")
    .slice(0, 200)
    .trim();
}
