import { describe, expect, test } from "vitest";
import type { HeldSessions } from "../../../../src/relay/lanes/index.ts";
import { createHeldWorld, SESSIONS, type HeldWorld } from "./held-world.ts";

/** Wraps every method, so that the names of those that are called are collected. */
function listenTo(held: HeldSessions): Set<string> {
  const called = new Set<string>();
  const methods = held as unknown as Record<string, (...args: unknown[]) => unknown>;
  for (const [name, method] of Object.entries(methods)) {
    methods[name] = (...args) => {
      called.add(name);
      return method(...args);
    };
  }
  return called;
}

async function start(holdAbove: number): Promise<HeldWorld> {
  const world = createHeldWorld({ holdAbove, batchMax: 1, savedCrashes: true });
  await world.life.takeOver();
  return world;
}

async function sendAll(world: HeldWorld, each: number): Promise<void> {
  for (let i = 0; i < each; i++) for (const session of SESSIONS) world.append(session);
  world.life.deliver(world.log.length);
  await world.life.clock.pass(10 * each); // less than the second between two looks at what operators want
}

describe("an event on its way through the lanes", () => {
  test("of a session that is not held, it touches nothing of what holds sessions", async () => {
    const world = await start(100);
    const called = listenTo(world.life.held);
    await sendAll(world, 20);
    expect(world.delivered.size).toBe(20 * SESSIONS.length);
    expect([...called]).toEqual([]);
  });

  test("of a session that is held, it does, and only of that", async () => {
    const world = await start(10);
    const called = listenTo(world.life.held);
    await sendAll(world, 20);
    expect([...called].sort()).toEqual(expect.arrayContaining(["hold", "isChanging", "settled"]));
    expect(world.broken).toEqual([]);
  });

  test("of a session that was held, it does not once the shard's own memory knows what was sent", async () => {
    const world = await start(10);
    await sendAll(world, 20);
    for (let i = 0; i < 10; i++) await world.life.clock.pass(1000);
    await world.life.save();
    expect(world.delivered.size).toBe(20 * SESSIONS.length);
    const called = listenTo(world.life.held);
    await sendAll(world, 5);
    expect([...called].filter((name) => name === "takes" || name === "settled")).toEqual([]);
    expect(world.delivered.size).toBe(25 * SESSIONS.length);
    expect(world.broken).toEqual([]);
  });
});
