import { stepHeld } from "../../../../../src/relay/lanes/held/held-phase.ts";
import {
  FREE,
  type Change,
  type HeldEvent,
  type HeldState,
  type Pointer,
  type Reading,
} from "../../../../../src/relay/lanes/held/state.ts";
import type { HeldReason } from "../../../../../src/shared/log/state/held.ts";
import type { Machine } from "../../../docs/state-machine.ts";

const cancel = (): void => {};

export function pointerTo(from: number, reason: HeldReason): Pointer {
  return {
    record: { v: 1, session: "s", from, reason, text: "", since: 0 },
    shard: 1,
    cursor: from,
    lastPassed: 0,
    joinsAt: 0,
    waiting: 0,
    bytes: 0,
    dirty: false,
    revision: undefined,
    writing: Promise.resolve(),
  };
}

function change(from: number | undefined): Change {
  return { from, work: Promise.resolve() };
}

function draining(reading: Reading, under?: Change): HeldState {
  return { name: "draining", below: 0, pointer: pointerTo(5, "backlog"), reading, change: under };
}

/** Samples of a held session's states and of what happens to it. */
export const heldSession: Machine<HeldState, HeldEvent> = {
  file: "src/relay/lanes/held/held-phase.ts",
  step: stepHeld,
  nameOf: ({ name }) => name,
  states: {
    free: [FREE],
    joined: [{ name: "joined", shard: 1, below: 5 }],
    entering: [
      { name: "entering", shard: 1, below: 0, change: change(undefined) },
      { name: "entering", shard: 1, below: 5, change: change(undefined) },
      { name: "entering", shard: 1, below: 0, change: change(7) },
    ],
    draining: [
      draining({ is: "resting" }),
      draining({ is: "running" }),
      draining({ is: "waiting", cancel }),
      draining({ is: "resting" }, change(7)),
    ],
    standing: [{ name: "standing", below: 0, pointer: pointerTo(5, "parked") }],
    leaving: [
      { name: "leaving", shard: 1, below: 0, change: change(7), next: undefined },
      { name: "leaving", shard: 1, below: 0, change: change(7), next: change(undefined) },
    ],
    forgotten: [
      { name: "forgotten", shard: 1, below: 0, from: 7 },
      { name: "forgotten", shard: 1, below: 5, from: 7 },
    ],
  } satisfies Record<HeldState["name"], HeldState[]>,
  events: {
    hold: [{ on: "hold", shard: 1, change: change(undefined) }],
    written: [
      { on: "written", pointer: pointerTo(7, "backlog") },
      { on: "written", pointer: pointerTo(7, "paused") },
    ],
    late: [{ on: "late", shard: 1, from: 7 }],
    failed: [{ on: "failed" }],
    load: [
      { on: "load", pointer: pointerTo(7, "backlog") },
      { on: "load", pointer: pointerTo(7, "paused") },
    ],
    absent: [{ on: "absent" }],
    lost: [{ on: "lost" }],
    resume: [{ on: "resume" }],
    revert: [{ on: "revert" }],
    read: [{ on: "read" }],
    read_over: [{ on: "read_over" }],
    wait: [{ on: "wait", cancel }],
    leave: [{ on: "leave", change: change(7) }],
    left: [{ on: "left" }],
    known: [{ on: "known" }],
  } satisfies Record<HeldEvent["on"], HeldEvent[]>,
};
