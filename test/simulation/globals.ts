import type { Schedule } from "./schedule.ts";

type Timer = { cancel: () => void; unref(): Timer; ref(): Timer; hasRef(): boolean };

function timerOf(cancel: () => void): Timer {
  const timer: Timer = { cancel, unref: () => timer, ref: () => timer, hasRef: () => false };
  return timer;
}

function isTimer(value: unknown): value is Timer {
  return typeof value === "object" && value !== null && "cancel" in value;
}

/**
 * Runs `run` with the schedule in the place of Node's timers, of time and of chance, for code that does not get its clock as an argument: the client libraries of
 * the broker, and few places of the product. `run` is synchronous, so nothing else can see it.
 */
export function withGlobals<T>(schedule: Schedule, random: () => number, run: () => T): T {
  const { setTimeout, clearTimeout, setImmediate, Date: RealDate } = globalThis;
  const { stackTraceLimit } = Error;
  const { nextTick } = process;
  const realRandom = Math.random;
  const clear = (timer: unknown): void => {
    if (isTimer(timer)) timer.cancel();
    else clearTimeout(timer as Parameters<typeof clearTimeout>[0]);
  };
  class SimDate extends RealDate {
    constructor(...args: [] | [number | string | Date]) {
      super(args.length === 0 ? schedule.wall() : args[0]);
    }
    static override now(): number {
      return schedule.wall();
    }
  }
  const patched = {
    setTimeout: (fn: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) =>
      timerOf(schedule.after(ms, () => fn(...args))),
    clearTimeout: clear,
    setImmediate: (fn: (...args: unknown[]) => void, ...args: unknown[]) =>
      timerOf(schedule.after(0, () => fn(...args))),
    Date: SimDate,
  };
  Object.assign(globalThis, patched);
  if (schedule.onTrace === undefined) Error.stackTraceLimit = 0; // errors are many here, and nobody reads where they were made
  Math.random = random;
  process.nextTick = ((fn: (...args: unknown[]) => void, ...args: unknown[]) =>
    queueMicrotask(() => fn(...args))) as typeof process.nextTick;
  try {
    return run();
  } finally {
    Object.assign(globalThis, { setTimeout, clearTimeout, setImmediate, Date: RealDate });
    Math.random = realRandom;
    process.nextTick = nextTick;
    Error.stackTraceLimit = stackTraceLimit;
  }
}
