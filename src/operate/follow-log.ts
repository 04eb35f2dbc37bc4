import { isCoded } from "../shared/base/errors.ts";
import type { Clock } from "../shared/base/clock.ts";
import { rest } from "../shared/base/rest.ts";

export type FollowDeps = {
  clock: Clock;
  signal: AbortSignal;
  /** Called when the broker is away or back. A tail that follows the log continues by itself. */
  away(isAway: boolean): void;
};

/** Polling interval while no events arrive: 5 polls per second. */
const QUIET_MS = 200;

/**
 * Yields what each step shows, again and again until `signal` comes, or with `follow: false` until a step finds nothing. While the broker is away a step that follows is
 * tried again. A step that fails leaves its caller's place as it was.
 */
export async function* followLog<T>(
  deps: FollowDeps,
  { follow, step }: { follow: boolean; step: () => Promise<{ found: boolean; shown: readonly T[] }> },
): AsyncGenerator<T> {
  let away = false;
  while (!deps.signal.aborted) {
    let found = false;
    try {
      const now = await step();
      ({ found } = now);
      if (away) deps.away((away = false));
      yield* now.shown;
      if (!found && !follow) return;
    } catch (error) {
      if (!follow || !isCoded(error, "log_unreachable")) throw error;
      if (!away) deps.away((away = true));
    }
    if (!found) await rest(deps.clock, QUIET_MS, deps.signal);
  }
}
