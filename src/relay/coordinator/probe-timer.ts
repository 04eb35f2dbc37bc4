import type { Clock } from "../../shared/base/clock.ts";

/**
 * Time between probes while the coordinator is away, which grows by half each time. The first event after an outage waits for half of it on average, and is to
 * come within 0.6 s; a refused connection or one question about its health each 0.8 s costs neither side anything.
 */
const AWAY_MS = { first: 500, most: 800 };
/** Time between probes while everything is paused. The cause of a pause seldom goes away within a second. */
const PAUSED_MS = { first: 5000, most: 30_000 };

/** Milliseconds until the next probe. `done` counts the probes before it in the same phase; `random` is in [0, 1) and takes up to a fifth off. Pure. */
export function probeDelay(phase: "away" | "paused", done: number, random: number): number {
  const { first, most } = phase === "paused" ? PAUSED_MS : AWAY_MS;
  return Math.min(most, first * 1.5 ** done) * (0.8 + 0.2 * random);
}

/** The one timer of a phase that waits for the coordinator. */
export type ProbeTimer = {
  /** Schedules the next probe, in place of one that was scheduled before. */
  schedule(phase: "away" | "paused"): void;
  /** Another phase begins: the next probe is its first. */
  restart(): void;
  /** When the next probe comes, clock.now(); undefined while none is scheduled. */
  dueAt(): number | undefined;
  /** Nothing is scheduled from here on. */
  stop(): void;
};

export function createProbeTimer(deps: { clock: Clock; random: () => number; due: () => void }): ProbeTimer {
  let cancel: () => void = () => {};
  let dueAt: number | undefined;
  let done = 0;
  let stopped = false;
  function end(): void {
    cancel();
    dueAt = undefined;
  }
  return {
    schedule(phase) {
      end();
      if (stopped) return;
      const delay = probeDelay(phase, done++, deps.random());
      dueAt = deps.clock.now() + delay;
      cancel = deps.clock.after(delay, () => {
        dueAt = undefined;
        deps.due();
      });
    },
    restart() {
      end();
      done = 0;
    },
    dueAt: () => dueAt,
    stop() {
      stopped = true;
      end();
    },
  };
}
