import type { Clock } from "../base/clock.ts";
import type { Secret } from "./secret.ts";

/** How often the secret file of a refused client is checked, so that a rotation does not have to wait for the back-off. */
const WATCH_MS = 1000;

/** Waits for the time of the next attempt. There is one such time at most: a new one takes the place of the last. */
export type NextAttempt = {
  /** `at`: monotonic time. */
  schedule: (at: number) => void;
  /** Like {@link schedule}, but begins as soon as the secret is no longer `refused`. */
  scheduleOrRotated(at: number, refused: string | undefined): void;
  cancel(): void;
};

export function createNextAttempt(deps: { clock: Clock; secret: Secret; begin: () => void }): NextAttempt {
  const { clock, secret, begin } = deps;
  let waiting: { cancel: () => void } | undefined;

  function cancel(): void {
    waiting?.cancel();
    waiting = undefined;
  }

  function wait(at: number, then: () => void): void {
    cancel();
    waiting = { cancel: clock.after(Math.max(0, at - clock.now()), then) };
  }

  function scheduleOrRotated(at: number, refused: string | undefined): void {
    wait(Math.min(at, clock.now() + WATCH_MS), () => void look(at, refused));
  }

  async function look(at: number, refused: string | undefined): Promise<void> {
    const before = waiting;
    const { value } = await secret.read();
    if (waiting !== before) return; // an attempt began while the file was read, or everything is over
    if (value !== refused || clock.now() >= at) begin();
    else scheduleOrRotated(at, refused);
  }

  return { schedule: (at) => wait(at, begin), scheduleOrRotated, cancel };
}
