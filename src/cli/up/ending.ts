import type { Clock } from "../../shared/base/clock.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { onStopSignal } from "../../shared/base/stop-signals.ts";
import type { Child } from "./child.ts";

// A runner gives up after 3 s of failed polls, and a supervisor needs part of that time to start us again. If nothing is stuck, a stop takes less than half a
// second: at most 0.15 s of drain (drain.ts), and the time that each process needs to end. These graces are for a process that is stuck.
const RELAY_GRACE_MS = 1500;
const GATEWAY_GRACE_MS = 1000;
const COORDINATOR_GRACE_MS = 150;
/** A console writes nothing that a kill could damage, and its page need not be finished. So the others do not wait for it. */
const CONSOLE_GRACE_MS = 0;
/** Agents get that long to end by themselves; then their guard ends them, and the next worker says that their turns were interrupted. */
const WORKER_GRACE_MS = 1500;
const SERVE_GRACE_MS = 1000;
/** All graces together, the count of what waits, and 5 s for a broker that writes its indexes. */
const LAST_RESORT_MS = 8000;

/** The children that were started. */
export type Running = {
  gateway: Child;
  relay: Child;
  console: Pick<Child, "stop"> | undefined;
  standIn: Child | undefined;
  /** The sessions server and the worker. */
  sessions: { stop(graces: { serve: number; worker: number }): Promise<void> } | undefined;
};

/**
 * Ends the children. Worker and sessions server end beside the others. The relay ends first, because its requests can still be answered then. The gateway serves meanwhile and ends last, so that its port
 * refuses connections for as short a time as possible.
 */
export async function stopChildren(running: Running): Promise<void> {
  const sessions = running.sessions?.stop({ serve: SERVE_GRACE_MS, worker: WORKER_GRACE_MS });
  await Promise.all([running.relay.stop(RELAY_GRACE_MS), running.console?.stop(CONSOLE_GRACE_MS)]);
  await Promise.all([running.gateway.stop(GATEWAY_GRACE_MS), running.standIn?.stop(COORDINATOR_GRACE_MS)]);
  await sessions;
}

/** Ends a gateway whose broker and relay have not been started yet. */
export function stopEarly(gateway: Child): Promise<void> {
  return gateway.stop(GATEWAY_GRACE_MS);
}

/** Stop signals: a promise of the first one, and functions that a second one calls. */
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
    else if (signal !== "SIGHUP") for (const fn of hurry) fn(); // a terminal that closes sends several SIGHUPs, which do not mean hurry
  });
  return { first: promise, came: () => count > 0, onSecond: (fn) => void hurry.push(fn) };
}

/** Ends this process if its shutdown gets stuck. */
export function lastResort(clock: Clock, log: Logger): void {
  clock.after(LAST_RESORT_MS, () => {
    log.fatal({}, "the shutdown is stuck, ending anyway");
    process.exit(1);
  });
}
