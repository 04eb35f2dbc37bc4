import type { Delivery } from "../../../../src/relay/source/pull.ts";
import { stepShard, type ShardEvent, type ShardState } from "../../../../src/relay/source/shard-phase.ts";
import type { Machine } from "../../docs/state-machine.ts";

/** A message with our pin `a`, or with another. */
export function delivery(deliverySeq: number, pin = "a"): Delivery {
  const data = new Uint8Array();
  return { subject: "", data, seq: 10 * deliverySeq, deliverySeq, pending: 0, storedAt: 0, pin };
}

const pinned = { turn: 1, pin: "a" };

/** Samples of a shard's phases and of what happens to it. */
export const shardPhase: Machine<ShardState, ShardEvent> = {
  file: "src/relay/source/shard-phase.ts",
  step: stepShard,
  nameOf: ({ phase }) => phase,
  states: {
    waiting: [{ phase: "waiting", turn: 1 }],
    taking_over: [{ phase: "taking_over", ...pinned }],
    resetting: [
      { phase: "resetting", ...pinned, toCatchUp: undefined },
      { phase: "resetting", ...pinned, toCatchUp: 3 },
    ],
    active: [
      { phase: "active", ...pinned, toCatchUp: undefined, expected: 2, delivered: 10, pending: 0 },
      { phase: "active", ...pinned, toCatchUp: 3, expected: 2, delivered: 10, pending: 0 },
    ],
    handed_over: [{ phase: "handed_over", turn: 1 }],
  } satisfies Record<ShardState["phase"], ShardState[]>,
  events: {
    started: [{ on: "started" }],
    stopped: [{ on: "stopped" }],
    reconnected: [{ on: "reconnected" }],
    delivered: [
      { on: "delivered", delivery: delivery(1) },
      { on: "delivered", delivery: delivery(2) },
      { on: "delivered", delivery: delivery(2, "") },
      { on: "delivered", delivery: delivery(2, "b") },
    ],
    pin_lost: [{ on: "pin_lost" }],
    pin_refused: [
      { on: "pin_refused", turn: 0 },
      { on: "pin_refused", turn: 1 },
    ],
    prepared: [
      { on: "prepared", turn: 0 },
      { on: "prepared", turn: 1 },
    ],
    reset_answered: [
      { on: "reset_answered", turn: 0, toCatchUp: 0 },
      { on: "reset_answered", turn: 1, toCatchUp: 0 },
      { on: "reset_answered", turn: 1, toCatchUp: 3 },
    ],
    failed: [
      { on: "failed", turn: 0 },
      { on: "failed", turn: 1 },
    ],
    tail_lost: [
      { on: "tail_lost", turn: 0, next: 2 },
      { on: "tail_lost", turn: 1, next: 1 },
      { on: "tail_lost", turn: 1, next: 2 },
    ],
  } satisfies Record<ShardEvent["on"], ShardEvent[]>,
};
