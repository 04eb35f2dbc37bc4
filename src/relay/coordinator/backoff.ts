/** First delay, factor 2, cap: about 8 attempts in the first minute, then two a minute. */
export const FIRST_DELAY_MS = 500;
export const MAX_DELAY_MS = 30_000;
/** A longer wait that a coordinator, or a proxy in front of it, asks for is cut to this. */
export const MAX_RETRY_AFTER_MS: number = 5 * 60_000;

/**
 * Delay before the next attempt, milliseconds: exponential with full jitter, and never less than a `Retry-After` asked
 * for (`askedMs`).
 * `attempt` counts from 1 (the attempt that just failed), `random` is in [0, 1).
 */
export function delayFor(attempt: number, random: number, askedMs = 0): number {
  const ceiling = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(attempt - 1, 30));
  return Math.max(random * ceiling, Math.min(askedMs, MAX_RETRY_AFTER_MS));
}

/** Reads a `Retry-After` header (seconds or an HTTP date, against `wallMs`); undefined for anything else. */
export function retryAfterMs(header: string | undefined, wallMs: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\s*\d{1,9}\s*$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - wallMs);
}
