import type { CredentialProblemCode } from "./port.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** An issuer that does not say how long its token lives (RFC 6749 allows it), or says 0, null and the like. Too long is no harm: the coordinator's 401 brings a new one. */
export const ASSUMED_TTL_MS = 5 * MINUTE;

/** One attempt, discovery and token request together. */
export const ATTEMPT_TIMEOUT_MS = 10 * SECOND;

/** A token refused sooner than this after its arrival was probably never good: the longest pause between two probes is 30 s. */
export const PROVEN_AFTER_MS = 60 * SECOND;

// setTimeout fires at once for more than 2^31 ms (24.8 days), which would make a long-lived token a storm of requests
const LONGEST_TIMER_MS = 24 * 60 * MINUTE;

/**
 * When to fetch the next token, in ms after asking for this one: min(0.9 TTL, TTL − 60 s) (ADR 0007), but not before half its life,
 * or a token of 61 s would be replaced every second.
 */
export function refreshAfterMs(ttlMs: number): number {
  return Math.min(0.9 * ttlMs, Math.max(ttlMs - MINUTE, ttlMs / 2), LONGEST_TIMER_MS);
}

/** How long a token is handed out, in ms after asking for it: a little less than its life, which a request spends on the way. */
export function usableMs(ttlMs: number): number {
  return ttlMs - Math.min(2 * SECOND, 0.05 * ttlMs);
}

/**
 * Pause after the n-th failed attempt in a row (n from 1): 0.5, 1, 2, 4 … s, at most 10 s for an issuer that is away and 30 s for one
 * that refuses us (it may count failed logins); half of it fixed, half jitter. `askedForMs` is the issuer's `Retry-After`, at most 5 min.
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
 * Pause before the token request after the n-th refusal in a row by the coordinator (n from 1): none, then 5, 10, 20 … s, at most 5 min.
 * A coordinator that refuses everything (wrong audience, its own key fetching broken) must not become a load on the issuer.
 */
export function refusalDelayMs(refusals: number): number {
  return refusals <= 1 ? 0 : Math.min(5 * MINUTE, 5 * SECOND * 2 ** Math.min(refusals - 2, 20));
}
