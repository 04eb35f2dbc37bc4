import { stepPhase, type PhaseEvent } from "./lane-phase.ts";
import type { Lane } from "./lane.ts";
import type { ReadyLanes } from "./ready.ts";
import type { Roster } from "./roster.ts";

const EMPTY: PhaseEvent = { on: "empty" };
const GO: PhaseEvent = { on: "go" };
const STAND: PhaseEvent = { on: "stand" };

/** Moves lanes from phase to phase, and carries out what the machine asks for (lane-phase.ts). */
export class Moves {
  readonly #roster: Roster;
  readonly #ready: ReadyLanes;
  readonly #paused: (token: string) => boolean;

  constructor(deps: { roster: Roster; ready: ReadyLanes; paused: (token: string) => boolean }) {
    this.#roster = deps.roster;
    this.#ready = deps.ready;
    this.#paused = deps.paused;
  }

  move(lane: Lane, event: PhaseEvent): void {
    const [phase, effects] = stepPhase(lane.phase, event);
    lane.phase = phase;
    for (const effect of effects) {
      switch (effect.do) {
        case "queue":
          this.#ready.add(lane);
          break;
        case "forget":
          this.#roster.forget(lane);
          break;
        case "cancel":
          effect.timer();
      }
    }
  }

  /** The lane itself has no reason to wait any more: now it waits for a connection, stands still because its session is paused, or has nothing to do. */
  goOn(lane: Lane): void {
    this.move(lane, lane.length === 0 ? EMPTY : this.#paused(lane.token) ? STAND : GO);
  }
}
