import type { Dispatcher } from "../dispatcher.ts";
import { stepHeld } from "./held-phase.ts";
import { type HeldEvent } from "./state.ts";
import type { HeldTable } from "./table.ts";

/** Moves a session from state to state, and carries out what the machine asks for (machine.ts). */
export type MoveHeld = (token: string, event: HeldEvent) => void;

export function createMoveHeld(deps: {
  table: HeldTable;
  dispatcher: Pick<Dispatcher, "lane" | "drop" | "halt" | "goOn">;
}): MoveHeld {
  const { table, dispatcher } = deps;

  return function move(token, event) {
    const [state, effects] = stepHeld(table.get(token), event);
    table.set(token, state);
    const lane = dispatcher.lane(token);
    for (const effect of effects) {
      if (effect.do === "cancel") effect.timer();
      else if (lane === undefined) continue;
      else if (effect.do === "halt") dispatcher.halt(lane);
      else if (effect.do === "go_on") dispatcher.goOn(lane);
      else for (const entry of dispatcher.drop(lane)) entry.source.settle(entry);
    }
  };
}
