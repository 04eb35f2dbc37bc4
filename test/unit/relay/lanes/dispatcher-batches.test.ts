import { describe, expect, test } from "vitest";
import type { TurnOutcome } from "../../../../src/relay/lanes/turn-outcome.ts";
import { createWorld, promises, type World } from "./world.ts";
import { DELIVERED, FAILED, arrive, finish, prove } from "./dispatcher-steps.ts";

describe("exhaustion", () => {
  const fail = async (world: World, session: string, ms: number): Promise<void> => {
    await finish(world, session, FAILED);
    await world.clock.pass(ms);
  };

  test("an event that fails for long while others succeed is condemned, with its last reason", async () => {
    const world = createWorld({ exhaustAfterMs: 100_000 });
    arrive(world, ["sick"]);
    for (let i = 0; i < 3; i++) {
      await fail(world, "sick", 40_000);
      await prove(world, ["good"]);
    }
    await fail(world, "sick", 40_000);
    const death = world.turns[0]?.entries[0]?.death;
    expect(death).toEqual({ reason: "exhausted after 4 attempts: 503", attempts: 4 });
  });

  test("not while no session succeeds", async () => {
    const world = createWorld({ exhaustAfterMs: 100_000 });
    arrive(world, ["sick"]);
    for (let i = 0; i < 20; i++) await fail(world, "sick", 40_000);
    expect(world.turns[0]?.entries[0]?.death).toBeUndefined();
  });

  test("not for outcomes that say nothing about the event", async () => {
    const world = createWorld({ exhaustAfterMs: 100_000 });
    arrive(world, ["sick"]);
    for (let i = 0; i < 10; i++) {
      await finish(world, "sick", { kind: "retry", reason: "403", counts: false });
      await world.clock.pass(40_000);
      await prove(world, ["good"]);
    }
    expect(world.turns[0]?.entries[0]?.death).toBeUndefined();
  });
});

describe("batches", () => {
  test("SETTLE-1: what a batch did not settle is sent again, whatever became of the others", async () => {
    const world = createWorld({ batchMax: 5 });
    arrive(world, ["a"]);
    arrive(world, ["a"], 4);
    await finish(world, "a", DELIVERED);
    const [batch] = world.turns;
    expect(batch?.entries.map(({ seq }) => seq)).toEqual([2, 3, 4, 5]);
    const settled = new Map(batch?.entries.slice(0, 1).map((entry) => [entry, "dead" as const]));
    batch?.finish({ kind: "batch", settled, next: undefined });
    await promises();
    expect(world.turns[0]?.entries.map(({ seq }) => seq)).toEqual([3, 4, 5]);
    expect(world.settled.get(2)).toBe("dead");
  });

  test("a head that fails in every batch backs off and is exhausted, though others of its batches succeed", async () => {
    const world = createWorld({ batchMax: 3, exhaustAfterMs: 100_000 });
    arrive(world, ["a"], 3);
    await finish(world, "a", DELIVERED);
    for (let i = 0; i < 4; i++) {
      arrive(world, ["a"], 2);
      const [turn] = world.turns;
      const settled = new Map(turn?.entries.slice(1).map((entry) => [entry, "delivered" as const]));
      turn?.finish({ kind: "batch", settled, next: FAILED });
      await promises();
      expect(world.dispatcher.lane("a")?.attempts).toBe(i + 1);
      await world.clock.pass(40_000);
    }
    expect(world.turns[0]?.entries[0]?.death?.reason).toContain("exhausted");
  });

  test("SETTLE-1: events that fail together for long are sent one by one, and only the one that fails alone is condemned", async () => {
    const world = createWorld({ batchMax: 3, exhaustAfterMs: 100_000 });
    arrive(world, ["a"], 1);
    arrive(world, ["a"], 5);
    await finish(world, "a", DELIVERED);
    const exhaust = async (outcome: TurnOutcome): Promise<void> => {
      for (let i = 0; i < 4; i++) {
        await finish(world, "a", outcome);
        await world.clock.pass(40_000);
        await prove(world, ["good"]);
      }
    };
    const sent = (): unknown => world.turns.map(({ entries }) => entries.map(({ seq }) => seq));
    expect(sent()).toEqual([[2, 3, 4]]);
    await exhaust({ kind: "retry", reason: "503", counts: true, together: 3 });
    expect(sent()).toEqual([[2]]);
    expect(world.turns[0]?.entries[0]?.death).toBeUndefined();
    await finish(world, "a", DELIVERED);
    expect(sent()).toEqual([[3]]);
    await exhaust(FAILED);
    expect(world.turns[0]?.entries[0]?.death?.reason).toContain("exhausted");
    await finish(world, "a", { kind: "settled", how: "dead" });
    expect(sent()).toEqual([[4]]);
    await finish(world, "a", DELIVERED);
    expect((world.turns[0]?.entries ?? []).length).toBeGreaterThan(1);
    expect(world.broken).toEqual([]);
  });

  test("a probe is one event", async () => {
    const world = createWorld({ batchMax: 5 });
    world.gate.set("none");
    arrive(world, ["a"], 4);
    world.gate.set("one");
    expect(world.dispatcher.offerProbe()).toBe(true);
    await promises();
    expect(world.turns).toMatchObject([{ probe: true, entries: [{ seq: 1 }] }]);
  });
});
