import { stepPhase, type Phase, type PhaseEvent } from "../../../../src/relay/lanes/lane-phase.ts";
import type { Machine } from "../../docs/state-machine.ts";

const cancel = (): void => {};
const turn = { since: 0, repute: "proven" as const, over: Promise.resolve() };

/** Samples of a lane's phases and of what happens to it. */
export const lanePhase: Machine<Phase, PhaseEvent> = {
  file: "src/relay/lanes/lane-phase.ts",
  step: stepPhase,
  nameOf: ({ name }) => name,
  states: {
    idle: [{ name: "idle" }],
    ready: [{ name: "ready" }],
    sending: [{ name: "sending", turn }],
    backoff: [
      { name: "backoff", cancel, asked: false, until: 1 },
      { name: "backoff", cancel, asked: true, until: undefined },
    ],
    halted: [{ name: "halted" }],
  } satisfies Record<Phase["name"], Phase[]>,
  events: {
    empty: [{ on: "empty" }],
    go: [{ on: "go" }],
    stand: [{ on: "stand" }],
    halt: [{ on: "halt" }],
    start: [{ on: "start", turn }],
    rest: [{ on: "rest", cancel, asked: false, until: 1 }],
    clear: [{ on: "clear" }],
  } satisfies Record<PhaseEvent["on"], PhaseEvent[]>,
};
