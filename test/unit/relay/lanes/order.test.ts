import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { TurnOutcome } from "../../../../src/relay/lanes/turn-outcome.ts";
import { createWorld, promises, type Turn, type World } from "./world.ts";

const SESSIONS = ["a", "b", "c"];

type Step =
  | { do: "append"; session: string; count: number }
  | { do: "deliver"; count: number }
  | { do: "reset" }
  | { do: "finish"; which: number; how: string; part: number }
  | { do: "read"; which: number; how: "all" | "few" | "none" | "failed" }
  | { do: "verify"; which: number; allowed: boolean }
  | { do: "hold"; which: number }
  | { do: "permit"; permit: "all" | "one" | "none" }
  | { do: "offer" }
  | { do: "pass"; ms: number };

const which = fc.nat(20);
const done = ["settled", "settled", "settled", "dead"];
const undone = ["retry", "retry", "slow", "again", "fenced", "park", "batch"];

const step: fc.Arbitrary<Step> = fc.oneof(
  weighted(4, "append", { session: fc.constantFrom(...SESSIONS), count: fc.integer({ min: 1, max: 6 }) }),
  weighted(6, "deliver", { count: fc.integer({ min: 1, max: 20 }) }),
  weighted(3, "reset", {}),
  weighted(8, "finish", { which, how: fc.constantFrom(...done, ...undone), part: fc.nat(3) }),
  weighted(4, "read", { which, how: fc.constantFrom("all", "few", "none", "failed") }),
  weighted(3, "verify", { which, allowed: fc.boolean() }),
  weighted(2, "hold", { which }),
  weighted(1, "permit", { permit: fc.constantFrom("all", "all", "one", "none") }),
  weighted(1, "offer", {}),
  weighted(4, "pass", { ms: fc.constantFrom(1, 60, 300, 2000, 40_000) }),
);

function weighted(
  weight: number,
  name: Step["do"],
  fields: Record<string, fc.Arbitrary<unknown>>,
): { weight: number; arbitrary: fc.Arbitrary<Step> } {
  return { weight, arbitrary: fc.record({ do: fc.constant(name), ...fields }) as fc.Arbitrary<Step> };
}

function pick<T>(items: T[], index: number): T | undefined {
  return items.length === 0 ? undefined : items.splice(index % items.length, 1)[0];
}

function outcomeOf(how: string, turn: Turn, part: number): TurnOutcome {
  switch (how) {
    case "settled":
    case "dead":
      return { kind: "settled", how: how === "dead" ? "dead" : "delivered" };
    case "slow":
      return { kind: "retry", reason: "503", counts: false, retryAfterMs: 20_000 };
    case "again":
      return { kind: "again" };
    case "fenced":
      return { kind: "fenced" };
    case "park":
      return { kind: "park", reason: "poison" };
    case "batch": {
      const settled = new Map(turn.entries.slice(0, part).map((entry) => [entry, "delivered" as const]));
      const next: TurnOutcome | undefined =
        settled.size === turn.entries.length || part === 2
          ? undefined
          : { kind: "retry", reason: "503", counts: true };
      return { kind: "batch", settled, next };
    }
    default:
      return { kind: "retry", reason: "500", counts: true };
  }
}

function run(world: World, it: Step): Promise<void> | void {
  switch (it.do) {
    case "append":
      for (let i = 0; i < it.count; i++) world.append(it.session);
      return;
    case "deliver":
      return world.deliver(it.count);
    case "reset":
      return world.reset();
    case "finish": {
      const turn = world.turns[it.which % Math.max(1, world.turns.length)];
      return turn?.finish(outcomeOf(it.how, turn, it.part));
    }
    case "read": {
      const read = pick(world.reads, it.which);
      const found = read && world.stored(read.session, read.from, it.how === "few" ? 1 : 50);
      return read?.answer(it.how === "failed" ? undefined : it.how === "none" ? [] : found);
    }
    case "verify":
      return pick(world.verifies, it.which)?.(it.allowed);
    case "hold":
      return pick(world.holds, it.which)?.fail();
    case "permit":
      world.gate.set(it.permit);
      return it.permit === "all" ? world.dispatcher.opened() : undefined;
    case "offer":
      return void world.dispatcher.offerProbe();
    case "pass":
      return world.clock.pass(it.ms);
  }
}

const plan = fc.record({
  steps: fc.array(step, { minLength: 1, maxLength: 120, size: "max" }),
  batchMax: fc.constantFrom(1, 1, 4),
  connections: fc.constantFrom(1, 2, 4),
  bytes: fc.constantFrom(100, 6 * 1024 * 1024), // the large ones go thin
});

test("ORDER-1, SETTLE-1: whatever happens, a session's events are first sent in the order of the log, one at a time, and each ends once", async () => {
  await fc.assert(
    fc.asyncProperty(plan, async ({ steps, ...options }) => {
      const world = createWorld(options);
      for (const it of steps) {
        await run(world, it);
        await promises();
      }
      await world.heal();
      expect(world.broken).toEqual([]);
      const unsettled = world.log.filter((event) => !world.settled.has(event.seq));
      expect(unsettled).toEqual([]);
      const counts = world.dispatcher.counts();
      expect(counts).toMatchObject({
        waiting: 0,
        wholeBytes: 0,
        inFlight: { proven: 0, unproven: 0, failing: 0 },
      });
    }),
    { numRuns: 500 },
  );
});
