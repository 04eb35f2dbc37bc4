import { vi } from "vitest";

/** A limit for what never comes: a loaded machine takes many times as long as an idle one. The configuration gives `expect.poll` the same. */
export const PATIENCE_MS = 60_000;

/**
 * Repeats a check until it holds, and returns what it returned. `expect.poll` does the same for one value; it cannot be used by tests that run
 * side by side. `intervalMs` is short where a state lasts for a moment only; `patienceMs` is longer for programs of others that start slowly.
 */
export function eventually<T>(
  check: () => T | Promise<T>,
  intervalMs = 20,
  patienceMs: number = PATIENCE_MS,
): Promise<T> {
  return vi.waitFor(check, { timeout: patienceMs, interval: intervalMs });
}
