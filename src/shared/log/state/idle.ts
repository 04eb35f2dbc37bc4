/** What is read of a shard's consumer. */
type Consumer = { num_pending: number; num_ack_pending: number; delivered: { stream_seq: number } };

/** What is known of a shard beside its consumer. */
type Known = {
  /** Of its checkpoint. */
  floor: number;
  /** First sequence in the log: of what was removed a consumer says that it is acknowledged. */
  firstSeq: number;
  /** Do the consumer's acks count (checkpoint.ts)? */
  acksCount: boolean;
};

/**
 * Whether a shard has nothing left to send: its consumer has nothing to deliver and nothing unacknowledged, and what it delivered is settled, whatever the broker
 * says of acks after a kill. Pure.
 */
export function isIdle(
  { num_pending, num_ack_pending, delivered }: Consumer,
  { floor, firstSeq, acksCount }: Known,
): boolean {
  const known = acksCount || delivered.stream_seq <= Math.max(floor, firstSeq - 1);
  return known && num_pending === 0 && num_ack_pending === 0;
}
