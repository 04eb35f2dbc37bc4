import * as fc from "fast-check";
import { resumeAll, SESSIONS, type HeldWorld } from "./held-world.ts";

export type Step =
  | { do: "append"; session: string; count: number }
  | { do: "deliver"; count: number }
  | { do: "pass"; ms: number }
  | { do: "sick"; session: string }
  | { do: "well"; session: string }
  | { do: "slow"; ms: number }
  | { do: "poison"; ahead: number }
  | { do: "pause"; session: string }
  | { do: "unpause"; session: string }
  | { do: "resume"; skip: boolean }
  | { do: "broker"; delayMs: number; down: boolean }
  | { do: "save" }
  | { do: "takeOver" }
  | { do: "crash" };

export const session = fc.constantFrom(...SESSIONS);

export async function run(world: HeldWorld, it: Step): Promise<void> {
  switch (it.do) {
    case "append":
      for (let i = 0; i < it.count; i++) world.append(it.session);
      return;
    case "deliver":
      return world.life.deliver(it.count);
    case "pass":
      return world.life.clock.pass(it.ms);
    case "sick":
      return void world.sick.add(it.session);
    case "well":
      return void world.sick.delete(it.session);
    case "slow":
      return void (world.sendMs = it.ms);
    case "poison":
      return void world.poison.add(world.log.length + 1 + it.ahead);
    case "pause":
      return world.wish(it.session, { action: "pause" });
    case "unpause":
      return world.wish(it.session, undefined);
    case "resume":
      return resumeAll(world, it.skip);
    case "broker":
      world.broker = { delayMs: it.delayMs, down: it.down };
      return;
    case "save":
      return world.life.save().catch(() => {});
    case "takeOver":
      return world.life.takeOver();
    case "crash":
      return world.crash();
  }
}

/** Everything is well again: nothing may be left, and nobody held. */
export async function heal(world: HeldWorld): Promise<void> {
  world.sick.clear();
  world.sendMs = 5;
  world.poison.clear();
  world.broker = { delayMs: 1, down: false };
  for (let i = 0; i < 60; i++) {
    resumeAll(world);
    world.life.deliver(world.log.length);
    await world.life.clock.pass(2000);
    const { waiting } = world.life.dispatcher.counts(); // repeats
    if (world.delivered.size === world.log.length && world.bucket.size === 0 && waiting === 0) return;
  }
}
