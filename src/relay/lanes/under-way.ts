import type { Clock } from "../../shared/clock.ts";
import type { Attempt } from "../forward/coordinator.ts";
import { mustYield } from "./share.ts";

/** How often attempts under way are looked at. */
const SWEEP_MS = 50;

/** The attempts of all lanes that are under way, and how long a usual one takes. */
export type UnderWay = {
  /** Watches an attempt until the returned function is called. */
  watch(attempt: Attempt): () => void;
  /** A success that took so long, milliseconds. */
  succeeded(ms: number): void;
};

/** Ends attempts that take too long, and those that must make room for others (`crowded`). */
export function createUnderWay(deps: {
  clock: Clock;
  connections: number;
  attemptTimeoutMs: number;
  /** Does a healthy lane wait for a connection? */
  crowded: () => boolean;
}): UnderWay {
  const { clock } = deps;
  const attempts = new Set<{ attempt: Attempt; since: number }>();
  let typicalMs: number | undefined;
  let sweeping = false;

  function sweep(): void {
    if (sweeping) return;
    sweeping = true;
    clock.after(SWEEP_MS, () => {
      sweeping = false;
      const now = clock.now();
      const all = [...attempts];
      for (const { attempt, since } of all) if (now - since > deps.attemptTimeoutMs) attempt.abort("timeout");
      if (deps.crowded()) {
        const ages = all.map(({ since }) => now - since);
        for (const index of mustYield(ages, typicalMs, deps.connections))
          all[index]?.attempt.abort("yielded");
      }
      if (attempts.size > 0) sweep();
    });
  }

  return {
    watch(attempt) {
      const tracked = { attempt, since: clock.now() };
      attempts.add(tracked);
      sweep();
      return () => attempts.delete(tracked);
    },
    succeeded(ms) {
      typicalMs = typicalMs === undefined ? ms : typicalMs * 0.95 + ms * 0.05;
    },
  };
}
