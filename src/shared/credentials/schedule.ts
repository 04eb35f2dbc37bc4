import type { CredentialProblemCode } from "./port.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** Assumed lifetime if the issuer does not say it (RFC 6749 allows that), or says 0, null and the like. If it is too long, the coordinator's 401 brings a new token. */
export const ASSUMED_TTL_MS = 5 * MINUTE;

/** Time limit of one attempt, for discovery and token request together. */
export const ATTEMPT_TIMEOUT_MS = 10 * SECOND;

/** A token that is refused sooner than this after its arrival was probably never valid. The longest pause between two probes is 30 s. */
export const PROVEN_AFTER_MS = 60 * SECOND;

// setTimeout fires at once for more than 2^31 ms (24.8 days), so a long-lived token would cause a storm of requests
const LONGEST_TIMER_MS = 24 * 60 * MINUTE;

/**
 * When to fetch the next token, in ms after the request for this one: min(0.9 TTL, TTL − 60 s) (ADR 0007), but not before half its lifetime. Otherwise a
 * token of 61 s would be replaced every second.
 */
export function refreshAfterMs(ttlMs: number): number {
  return Math.min(0.9 * ttlMs, Math.max(ttlMs - MINUTE, ttlMs / 2), LONGEST_TIMER_MS);
}

/** How long a token is used, in ms after the request for it: a little less than its lifetime, because a request takes some time. */
export function usableMs(ttlMs: number): number {
  return ttlMs - Math.min(2 * SECOND, 0.05 * ttlMs);
}

/**
 * The pause after the n-th failed attempt in a row (n from 1): 0.5, 1, 2, 4 … s, at most 10 s if the issuer is away, and at most 30 s if it refuses us,
 * because it may count failed logins. Half of it is fixed, half is jitter. `askedForMs` is the issuer's `Retry-After`, at most 5 min.
 */
export function retryDelayMs(
  failures: number,
  code: CredentialProblemCode,
  random: () => number,
  askedForMs = 0,
): number {
  const cap = code === "credentials_invalid" ? 30 * SECOND : 10 * SECOND;
  const full = Math.min(cap, 500 * 2 ** Math.min(failures - 1, 20));
  return Math.max(full / 2 + (random() * full) / 2, Math.min(askedForMs, 5 * MINUTE));
}

/**
 * The pause before the token request after the n-th refusal in a row by the coordinator (n from 1): none, then 5, 10, 20 … s, at most 5 min. A coordinator
 * that refuses everything (because of a wrong audience, or because it cannot fetch its keys) must not put load on the issuer.
 */
export function refusalDelayMs(refusals: number): number {
  return refusals <= 1 ? 0 : Math.min(5 * MINUTE, 5 * SECOND * 2 ** Math.min(refusals - 2, 20));
}
