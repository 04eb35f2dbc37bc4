/**
 * What `npm run faults` judges on a quiet machine and a test cannot judge beside other tests: rates and times, the share of repeats among a
 * few events, and repeats within a second of a crash (a process may not run at all for a second, and its checkpoint is older then).
 */
const TIMED =
  /^(acknowledged per second|outage \d+: (slowest of the first|p99 after that|backlog drained)|repeats: |repeats no crash within a second)/;

/** The lines of a failed campaign that fail on a loaded machine, too, for a fault only. */
export function withoutTimed(failed: readonly string[]): string[] {
  return failed.filter((line) => !TIMED.test(line));
}
