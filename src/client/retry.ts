/** How long and how often a write is retried. All values are milliseconds. */
export type RetryPolicy = {
  /** Longest time from the first attempt to the start of the last one. */
  totalMs: number;
  /** Longest wait after the first failure. It doubles with each further one. */
  firstMs: number;
  /** Longest wait at all, unless the server asks for a longer one. */
  maxMs: number;
};

// At most 0.2 + 0.4 + 0.8 + 1.6 + 3.2 + 5 … s: about nine attempts in 30 s, which outlasts a restart of the broker and of the gateway
export const DEFAULT_RETRY: RetryPolicy = { totalMs: 30_000, firstMs: 200, maxMs: 5000 };

/**
 * Milliseconds to wait before attempt `attempt` + 1 (`attempt` counts from 1), or undefined if that would exceed the total time. Full jitter
 * keeps executors that failed together from returning together. The wait is never shorter than the server's `Retry-After`.
 */
export function delayAfter(
  policy: RetryPolicy,
  state: { attempt: number; elapsedMs: number; retryAfterMs: number | undefined },
  random: () => number,
): number | undefined {
  const most = Math.min(policy.maxMs, policy.firstMs * 2 ** (state.attempt - 1));
  const delay = Math.max(random() * most, state.retryAfterMs ?? 0);
  return state.elapsedMs + delay > policy.totalMs ? undefined : delay;
}

/** Milliseconds of a `Retry-After` header, given in seconds or as a date. Undefined if it is missing or invalid. `wallMs` is the current time. */
export function retryAfterMs(header: string | null, wallMs: number): number | undefined {
  if (header === null) return undefined;
  if (/^\d+$/.test(header)) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - wallMs);
}
