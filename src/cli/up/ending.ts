import type { Clock } from "../../shared/base/clock.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { onStopSignal } from "../../shared/base/stop-signals.ts";
import type { Child } from "./child.ts";

// A runner gives up after 3 s of failed polls, and a supervisor needs part of them to start us again. Where nothing is stuck a stop takes less than half a
// second: at most 0.15 s of drain (drain.ts), and what each process needs to end. These graces are for one that is stuck.
const RELAY_GRACE_MS = 1500;
const GATEWAY_GRACE_MS = 1000;
const COORDINATOR_GRACE_MS = 150;
/** The graces, the count, and 5 s for a broker that writes its indexes. */
const LAST_RESORT_MS = 8000;

/** The children, as far as they were started. */
export type Running = { gateway: Child; relay: Child; standIn: Child | undefined };

/**
 * Ends the children. The relay first, because what it has on its way can still be answered then; the gateway serves meanwhile, and ends at last, so that its
 * port refuses nobody for longer than it must.
 */
export async function stopChildren({ gateway, relay, standIn }: Running): Promise<void> {
  await relay.stop(RELAY_GRACE_MS);
  await Promise.all([gateway.stop(GATEWAY_GRACE_MS), standIn?.stop(COORDINATOR_GRACE_MS)]);
}

/** Ends a gateway that has nothing behind it yet. */
export function stopEarly(gateway: Child): Promise<void> {
  return gateway.stop(GATEWAY_GRACE_MS);
}

/** Stop signals: the first one, and what is to be done at a second one. */
export type Signals = {
  first: Promise<"signal">;
  came: () => boolean;
  onSecond: (fn: () => void) => void;
};

export function watchSignals(): Signals {
  const { promise, resolve } = Promise.withResolvers<"signal">();
  const hurry: (() => void)[] = [];
  let count = 0;
  onStopSignal((signal) => {
    count += 1;
    if (count === 1) resolve("signal");
    else if (signal !== "SIGHUP") for (const fn of hurry) fn(); // a closed terminal sends several, and is in no hurry
  });
  return { first: promise, came: () => count > 0, onSecond: (fn) => void hurry.push(fn) };
}

/** Ends this process, should its end be stuck. */
export function lastResort(clock: Clock, log: Logger): void {
  clock.after(LAST_RESORT_MS, () => {
    log.fatal({}, "the shutdown is stuck, ending anyway");
    process.exit(1);
  });
}
