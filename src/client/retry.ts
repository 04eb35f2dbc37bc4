/** How long and how often a write is tried again. All in milliseconds. */
export type RetryPolicy = {
  /** From the first attempt to the last; no attempt starts later. */
  totalMs: number;
  /** Longest wait after the first failure; doubled with each further one. */
  firstMs: number;
  /** Longest wait of all, unless the server asks for a longer one. */
  maxMs: number;
};

// 0.2 + 0.4 + 0.8 + 1.6 + 3.2 + 5 … at the most: about nine attempts in 30 s, a broker's restart and a gateway's included
export const DEFAULT_RETRY: RetryPolicy = { totalMs: 30_000, firstMs: 200, maxMs: 5000 };

/**
 * Milliseconds to wait before attempt `attempt` + 1 (`attempt` counts from 1), or undefined when that would be past the end.
 * Full jitter, so that executors that failed together do not come back together; never before the server's `Retry-After`.
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

/** Milliseconds of a `Retry-After` header: seconds or a date. Undefined without one that can be read. `wallMs` is the time of now. */
export function retryAfterMs(header: string | null, wallMs: number): number | undefined {
  if (header === null) return undefined;
  if (/^\d+$/.test(header)) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - wallMs);
}
