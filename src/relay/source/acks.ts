import type { Clock } from "../../shared/base/clock.ts";

/** How long acks are collected. A write for each message would cost more than forwarding it. */
const GATHER_MS = 5;

/** Acks of a shard that were not sent yet. */
export type Acks = {
  add(deliverySeq: number, seq: number): void;
  flush(): void;
  /** Drops the acks that wait, because their deliveries do not count any more. */
  drop(): void;
};

export function createAcks(deps: { clock: Clock; send: (deliverySeq: number, seq: number) => void }): Acks {
  let waiting: { deliverySeq: number; seq: number }[] = [];
  const flush = (): void => {
    const batch = waiting;
    waiting = [];
    for (const { deliverySeq, seq } of batch) deps.send(deliverySeq, seq);
  };
  return {
    add(deliverySeq, seq) {
      if (waiting.length === 0) deps.clock.after(GATHER_MS, flush);
      waiting.push({ deliverySeq, seq });
    },
    flush,
    drop: () => void (waiting = []),
  };
}
