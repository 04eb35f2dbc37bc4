import { describe, expect, test } from "vitest";
import { createWorld, envelopeOf, promises, type World } from "./world.ts";
import { DELIVERED, arrive, finish } from "./dispatcher-steps.ts";

describe("BOUND-1: thin entries", () => {
  const LARGE = 6 * 1024 * 1024; // five fill the budget

  async function thinHead(): Promise<World> {
    const world = createWorld({ bytes: LARGE });
    arrive(world, ["a"], 10);
    for (let i = 0; i < 5; i++) await finish(world, "a", DELIVERED);
    expect(world.reads).toMatchObject([{ session: "a", from: 6 }]);
    return world;
  }

  test("messages are kept whole within the budget, a thin head is read from the log", async () => {
    const world = await thinHead();
    expect(world.dispatcher.counts().wholeBytes).toBe(0);
    world.reads.pop()?.answer(world.stored("a", 6, 50));
    await promises();
    expect(world.dispatcher.counts().wholeBytes).toBe(5 * LARGE);
    expect(world.turns[0]?.entries[0]).toMatchObject({ seq: 6, envelope: { id: "e6" } });
  });

  test("the log that cannot be read says nothing about the event", async () => {
    const world = await thinHead();
    for (let i = 0; i < 20; i++) {
      world.reads.pop()?.answer(undefined);
      await world.clock.pass(60_000);
    }
    world.reads.pop()?.answer(world.stored("a", 6, 50));
    await promises();
    expect(world.turns[0]?.entries[0]?.seq).toBe(6);
  });

  test("SETTLE-1: an event that a copy does not have is taken from the leader, however often the copy says so", async () => {
    const world = await thinHead();
    world.reads.pop()?.answer([]);
    await promises();
    expect(world.turns[0]?.entries[0]).toMatchObject({ seq: 6, envelope: { id: "e6" } });
    expect(world.settled.has(6)).toBe(false);
  });

  test("SETTLE-1: nor is it gone because a copy has later ones of its session", async () => {
    const world = await thinHead();
    world.reads.pop()?.answer(world.stored("a", 7, 50));
    await promises();
    expect(world.turns[0]?.entries[0]).toMatchObject({ seq: 6, envelope: { id: "e6" } });
  });

  test("SETTLE-1: a leader that does not know so far, or does not answer, says nothing about the event", async () => {
    const world = await thinHead();
    const { readLeader } = world;
    world.readLeader = () => undefined;
    for (let i = 0; i < 20; i++) {
      world.reads.pop()?.answer([]);
      await world.clock.pass(60_000);
    }
    expect(world.settled.has(6)).toBe(false);
    world.readLeader = readLeader;
    world.reads.pop()?.answer([]);
    await promises();
    expect(world.turns[0]?.entries[0]?.seq).toBe(6);
  });

  test("an event that the leader does not have either is waited for; what stays away is settled as gone", async () => {
    const world = await thinHead();
    world.readLeader = () => "none";
    const before = world.clock.now();
    world.reads.pop()?.answer(undefined);
    await world.clock.pass(60_000);
    for (let i = 0; i < 4; i++) {
      world.reads.pop()?.answer([]);
      await world.clock.pass(1999);
      expect(world.reads).toHaveLength(0);
      await world.clock.pass(60_000);
    }
    expect(world.settled.has(6)).toBe(false);
    world.reads.pop()?.answer([]);
    await promises();
    expect(world.settled.get(6)).toBe("gone");
    expect(world.clock.now() - before).toBeGreaterThan(8000);
  });

  test("an event that later ones of its session stand without, at the leader too, is gone", async () => {
    const world = await thinHead();
    world.readLeader = (session) => world.stored(session, 7, 1)[0] ?? "none";
    world.reads.pop()?.answer(world.stored("a", 7, 50));
    await promises();
    expect(world.settled.get(6)).toBe("gone");
    world.reads.pop()?.answer(world.stored("a", 7, 50));
    await promises();
    expect(world.turns[0]?.entries[0]?.seq).toBe(7);
  });

  test("a log that fails is no reason to end the process: the lane tries again", async () => {
    const world = await thinHead();
    world.reads.pop()?.answer([
      {
        seq: 6,
        envelope: envelopeOf({ seq: 6, session: "a" }),
        data: new Uint8Array(),
        death: { reason: "envelope_invalid", attempts: 0 },
      },
    ]);
    await promises();
    expect(world.turns[0]?.entries[0]?.death?.reason).toBe("envelope_invalid");
  });
});
