import type { Settled } from "../../shared/log/state/settled.ts";

/** An event that a source gave out, with everything by which the source recognizes it. */
export type Delivered = {
  readonly seq: number;
  /** The consumer's number of its newest delivery, needed to ack it. */
  deliverySeq: number;
  /** Its consumer was reset while it was in flight, and it did not come again yet. */
  stale: boolean;
};

/** The origin of an event, which learns of its end: a shard's consumer, or the reader of a held session. */
export type Source = {
  /** ORDER-1 through failover: may this relay still send for this source? */
  mayForward(): boolean;
  /** Asks the broker; resolves true when forwarding is allowed again. */
  verify(): Promise<boolean>;
  /** The event is settled: never sent again. */
  settle(entry: Delivered): void;
};

/** A shard as seen by the code that takes its events. */
export type ShardSource = Source & {
  readonly shard: number;
  readonly settled: Settled;
  /** Acks an event that another memory takes care of (held sessions), and lets the floor move over it. */
  pass(seq: number, deliverySeq: number): void;
};
