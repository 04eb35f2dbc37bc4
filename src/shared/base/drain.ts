import { UNDER_UP } from "./parent.ts";

/**
 * How long a gateway or relay that is stopping waits for work in progress: attempts on the wire, passed-through requests, answers being written. This
 * is enough for nearly every request, and a separate service has the time, because other processes serve meanwhile.
 */
const DRAIN_MS = 2000;
/**
 * The same under `up`, where nothing serves meanwhile and a runner gives up after three failed polls, about 3 s. If the coordinator answers within this
 * time, nothing is sent twice. If it is slower, what was on the wire is sent twice: at most one event or batch per connection (ONCE-1). With a coordinator
 * that takes 400 ms it was 8 events of 16 sessions (`npm run faults -- --only restart`).
 */
const UNDER_UP_MS = 150;

/** The drain time of a process with this command line, milliseconds. Pure. */
export function drainTime(args: readonly string[]): number {
  return args.includes(UNDER_UP) ? UNDER_UP_MS : DRAIN_MS;
}
