/** What is read of a shard's consumer. */
type Consumer = { num_pending: number; num_ack_pending: number; delivered: { stream_seq: number } };

/** What else is known about a shard. */
type Known = {
  /** The floor of its checkpoint. */
  floor: number;
  /** First sequence in the log. Consumers report everything below it as acknowledged. */
  firstSeq: number;
  /** Do the consumer's acks count (checkpoint.ts)? */
  acksCount: boolean;
};

/**
 * Whether a shard has nothing left to send: its consumer has nothing to deliver and nothing unacknowledged, and what it delivered is settled according to
 * the checkpoint, since the broker's acks cannot be believed after a kill. Pure.
 */
export function isIdle(
  { num_pending, num_ack_pending, delivered }: Consumer,
  { floor, firstSeq, acksCount }: Known,
): boolean {
  const known = acksCount || delivered.stream_seq <= Math.max(floor, firstSeq - 1);
  return known && num_pending === 0 && num_ack_pending === 0;
}
