/** What the broker does wrong now. */
export type BrokerFaults = {
  /** Every write finds the log full. */
  full: boolean;
  /** No leader. */
  busy: boolean;
  /** Too many open batches. */
  batches: boolean;
  /** A write takes so long, milliseconds. */
  slowMs: number;
  /** Reads that any replica may answer find what was there before this many messages; Infinity: nothing. */
  staleBy: number;
  /** Deliveries of consumers do not arrive: a route between servers broke. */
  lossy: boolean;
};

export function noFaults(): BrokerFaults {
  return { full: false, busy: false, batches: false, slowMs: 0, staleBy: 0, lossy: false };
}
