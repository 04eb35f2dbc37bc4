import { UNDER_UP } from "./parent.ts";

/**
 * How long a gateway or relay that stops waits for work under way: attempts on the wire, passed-through requests, answers being written. As a
 * service of its own it has the time: nearly every request is over by then, and other processes serve meanwhile.
 */
const DRAIN_MS = 2000;
/**
 * Under `up` everything is away while it stops, and a runner gives up after three failed polls, about 3 s. A coordinator that answers within this time is
 * sent nothing twice; of a slower one, what was on the wire is, at most one event, or batch, per connection (ONCE-1): 8 events of 16 sessions at a stop
 * before a coordinator that takes 400 ms (`npm run faults -- --only restart`).
 */
const UNDER_UP_MS = 150;

/** The time of a process with this command line, milliseconds. Pure. */
export function drainTime(args: readonly string[]): number {
  return args.includes(UNDER_UP) ? UNDER_UP_MS : DRAIN_MS;
}
