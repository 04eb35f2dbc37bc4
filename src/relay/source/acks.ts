import type { Clock } from "../../shared/base/clock.ts";

/**
 * How long acks are collected. They are hints, because checkpoints say what is settled; but after a kill of the relay alone they save repeats, of which
 * there are at most this much time's. A write for each message would cost more than forwarding it, and so does one for each shard every few milliseconds.
 */
export const GATHER_MS = 25;

/** Acks of a shard that were not sent yet. */
export type Acks = {
  add(deliverySeq: number, seq: number): void;
  flush(): void;
  /** Drops the acks that wait, because their deliveries do not count any more. */
  drop(): void;
};

/** The acks of all shards go out in the same moment, every {@link GATHER_MS}: so they share one write to the connection. */
export function createAcks(deps: { clock: Clock; send: (deliverySeq: number, seq: number) => void }): Acks {
  let waiting: { deliverySeq: number; seq: number }[] = [];
  const flush = (): void => {
    const batch = waiting;
    waiting = [];
    for (const { deliverySeq, seq } of batch) deps.send(deliverySeq, seq);
  };
  return {
    add(deliverySeq, seq) {
      if (waiting.length === 0)
        deps.clock.after(Math.ceil(GATHER_MS - (deps.clock.now() % GATHER_MS)), flush);
      waiting.push({ deliverySeq, seq });
    },
    flush,
    drop: () => void (waiting = []),
  };
}
