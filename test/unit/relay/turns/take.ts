import type { TurnOutcome } from "../../../../src/relay/lanes/turn-outcome.ts";
import { type Stage } from "../lanes/turn-stage.ts";

export type StageEntry = ReturnType<Stage["entry"]>;

export function take(stage: Stage, entry: StageEntry = stage.entry(), probe = false): Promise<TurnOutcome> {
  return stage.turn.single(stage.lane, entry, { ...stage.context, probe });
}
