import type { TurnOutcome } from "../../../../src/relay/lanes/turn-outcome.ts";
import { promises, type World } from "./world.ts";

export const DELIVERED: Extract<TurnOutcome, { kind: "settled" }> = { kind: "settled", how: "delivered" };
export const FAILED: Extract<TurnOutcome, { kind: "retry" }> = { kind: "retry", reason: "503", counts: true };

/** Appends one event per session and delivers it. */
export function arrive(world: World, sessions: string[], each = 1): void {
  for (const session of sessions) for (let i = 0; i < each; i++) world.append(session);
  world.deliver(world.log.length);
}

export function underWay(world: World): string[] {
  return world.turns.map(({ lane }) => lane.session);
}

export async function finish(world: World, session: string, outcome: TurnOutcome): Promise<void> {
  world.turns.find(({ lane }) => lane.session === session)?.finish(outcome);
  await promises();
}

/** Lets every session succeed once. */
export async function prove(world: World, sessions: string[]): Promise<void> {
  arrive(world, sessions);
  await promises();
  for (const session of sessions) await finish(world, session, DELIVERED);
}
