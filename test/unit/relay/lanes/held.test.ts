import { describe, expect, test } from "vitest";
import { decodeHeld } from "../../../../src/shared/log/state/held.ts";
import { stateKey } from "../../../../src/shared/log/schema/topology.ts";
import { createHeldWorld, resumeAll, SESSIONS, type HeldWorld } from "./held-world.ts";
import { run, heal } from "./held-steps.ts";

describe("a held session", () => {
  const [hot = "", cool = ""] = SESSIONS;
  const key = stateKey.held(hot);

  /** The hot session waits behind its first event, and is held. */
  async function held(lag = 0): Promise<HeldWorld> {
    const world = createHeldWorld({ holdAbove: 3, batchMax: 1, savedCrashes: true });
    world.broker.lag = lag;
    await world.life.takeOver();
    world.sick.add(hot);
    world.append(cool);
    for (let i = 0; i < 6; i++) world.append(hot);
    world.life.deliver(7);
    await world.life.clock.pass(50);
    expect(world.life.held.list()).toMatchObject([{ record: { session: hot, from: 2, reason: "backlog" } }]);
    return world;
  }

  test("is held by one pointer, however many of its events come while that is written", async () => {
    const world = createHeldWorld({ holdAbove: 3, batchMax: 1, savedCrashes: true });
    await world.life.takeOver();
    world.sick.add(hot);
    world.append(cool);
    for (let i = 0; i < 20; i++) world.append(hot);
    world.life.deliver(30);
    await world.life.clock.pass(50);
    expect(world.life.held.list()).toMatchObject([{ record: { from: 2 } }]);
    expect(decodeHeld(world.bucket.get(key) ?? new Uint8Array()).from).toBe(2);
    world.sick.clear();
    await world.life.clock.pass(60_000);
    expect(world.delivered.size).toBe(21);
    expect(world.broken).toEqual([]);
  });

  test("SETTLE-1: does not join while the log is read from a replica that lacks what was passed", async () => {
    const world = await held(3);
    world.sick.clear();
    await world.life.clock.pass(60_000);
    expect(world.delivered.size).toBe(4);
    expect(world.bucket.has(key)).toBe(true);
    world.broker.lag = 0;
    await world.life.clock.pass(60_000);
    expect(world.delivered.size).toBe(7);
    expect(world.bucket.has(key)).toBe(false);
  });

  test("SETTLE-1: nor does the next relay, which does not know what was passed", async () => {
    const world = await held(3);
    await world.crash();
    world.life.deliver(7);
    world.sick.clear();
    await world.life.clock.pass(5000); // a replica lags behind for less than this
    expect(world.bucket.has(key)).toBe(true);
    world.broker.lag = 0;
    await world.life.clock.pass(60_000);
    expect(world.delivered.size).toBe(7);
    expect(world.bucket.has(key)).toBe(false);
    expect(world.broken).toEqual([]);
  });

  test("SETTLE-1: does not join while the consumer leaves one more of its events to the log", async () => {
    for (let wait = 0; wait < 4000; wait += 100) {
      const world = await held();
      world.sick.clear();
      world.broker.delayMs = 200; // a copy is asked, then the leader
      await world.life.clock.pass(wait);
      world.append(hot);
      world.life.deliver(1);
      await world.life.clock.pass(60_000);
      expect([wait, world.delivered.size, world.bucket.has(key)]).toEqual([wait, 8, false]);
    }
  });

  test("SETTLE-1: a deletion that arrives late does not take the pointer that the shard's new owner wrote", async () => {
    const world = await held();
    world.sick.clear();
    world.broker.deleteDelayMs = 2000;
    await world.life.clock.pass(1000); // everything is sent, the deletion is on its way
    expect(world.delivered.size).toBe(7);
    world.life.lose();
    const pointer = new Uint8Array([1]);
    world.store(key, pointer);
    await world.life.clock.pass(5000);
    expect(world.bucket.get(key)).toBe(pointer);
  });

  test("SETTLE-1: a relay whose lease ended does not write its pointer: it may be the new owner's", async () => {
    const world = await held();
    const before = world.bucket.get(key);
    world.sick.clear();
    await world.life.clock.pass(220);
    expect(world.life.held.list()[0]?.record.from).toBeGreaterThan(2);
    world.life.lapse();
    await world.life.save();
    expect(world.bucket.get(key)).toBe(before);
    await world.life.clock.pass(60_000);
    expect(world.bucket.get(key)).toBe(before);
  });

  test("SETTLE-1: a pointer that cannot be deleted in time is not deleted after the shard is lost", async () => {
    const world = await held();
    world.sick.clear();
    world.broker.refuseDeletes = true;
    await world.life.clock.pass(5000);
    expect(world.delivered.size).toBe(7);
    expect(world.bucket.has(key)).toBe(true);
    world.life.lose();
    world.broker.refuseDeletes = false;
    await world.life.clock.pass(60_000);
    expect(world.bucket.has(key)).toBe(true);
  });

  test("a takeover does not wait for a pointer that cannot be deleted; the session is held again until it can", async () => {
    const world = await held();
    world.sick.clear();
    world.broker.refuseDeletes = true;
    await world.life.clock.pass(5000);
    await world.life.takeOver();
    expect(world.life.held.list()).toMatchObject([{ record: { from: 8 } }]);
    world.broker.refuseDeletes = false;
    await world.life.clock.pass(10_000);
    expect(world.bucket.has(key)).toBe(false);
    expect(world.broken).toEqual([]);
  });

  test("ONCE-1: sends nothing live before its pointer is deleted", async () => {
    const world = await held();
    world.sick.clear();
    world.broker.refuseDeletes = true;
    await world.life.clock.pass(5000);
    world.append(hot);
    world.life.deliver(1);
    await world.life.clock.pass(5000);
    expect(world.delivered.has(8)).toBe(false);
    world.broker.refuseDeletes = false;
    await world.life.clock.pass(5000);
    expect(world.delivered.has(8)).toBe(true);
  });

  test("ORDER-1, SETTLE-1: a batch that is on its way through a takeover comes again as a whole, from the log", async () => {
    const world = createHeldWorld({ holdAbove: 3, batchMax: 5, savedCrashes: false });
    await world.life.takeOver();
    world.sick.add(hot);
    await run(world, { do: "append", session: cool, count: 1 });
    await run(world, { do: "append", session: hot, count: 6 });
    world.life.deliver(7);
    await world.life.clock.pass(2); // its pointer is written
    await world.crash();
    world.sendMs = 2000;
    world.life.deliver(2); // the first one is left to the log
    await world.life.clock.pass(3000); // it failed once, and is on its way again
    expect(world.life.dispatcher.lane(hot)?.inFlight.map(({ seq }) => seq)).toEqual([2, 3, 4, 5, 6]);
    await world.life.takeOver();
    world.broker.down = true; // the log cannot be read for a while
    world.life.deliver(4); // without the first one, and without the last
    await world.life.clock.pass(2500);
    world.sick.clear();
    world.sendMs = 5;
    await world.life.clock.pass(5000);
    await heal(world);
    expect(world.broken).toEqual([]);
    expect(world.delivered.size).toBe(7);
  });

  test("ONCE-1: what was sent from the log before its consumer came to it again is not sent by a later pointer", async () => {
    const world = createHeldWorld({ holdAbove: 3, batchMax: 1, savedCrashes: true });
    await world.life.takeOver();
    await run(world, { do: "append", session: cool, count: 1 });
    await run(world, { do: "append", session: hot, count: 3 });
    world.poison.add(4);
    world.life.deliver(4);
    await world.crash(); // when it was parked at 4; the checkpoint does not know of 2 and 3 yet
    world.poison.clear();
    await run(world, { do: "append", session: hot, count: 1 });
    resumeAll(world);
    await world.life.clock.pass(10_000);
    expect([...world.bucket.keys()]).toEqual([]);
    await run(world, { do: "append", session: cool, count: 1 });
    await run(world, { do: "append", session: hot, count: 4 });
    world.life.deliver(world.log.length);
    await heal(world);
    expect(world.broken).toEqual([]);
    expect(world.delivered.size).toBe(world.log.length);
  });

  test("SETTLE-1: its pointer stays behind what a batch left over", async () => {
    const world = await held();
    const lane = world.life.dispatcher.lane(hot);
    await world.life.clock.pass(60);
    const [first, second, third] = lane?.entries() ?? [];
    if (lane === undefined || first === undefined || second === undefined || third === undefined)
      throw new Error("no lane");
    world.life.held.settled(lane, third); // while the first two still wait
    expect(world.life.held.list()[0]?.record.from).toBe(first.seq);
  });

  test("is parked when an event of it turns out to be poison, and released by an operator", async () => {
    const world = await held();
    world.poison.add(4);
    world.sick.clear();
    await world.life.clock.pass(60_000);
    expect(world.delivered).toEqual(new Set([1, 2, 3]));
    expect(world.life.held.list()).toMatchObject([{ record: { from: 4, reason: "parked", text: "422" } }]);
    expect(decodeHeld(world.bucket.get(key) ?? new Uint8Array())).toMatchObject({
      from: 4,
      reason: "parked",
    });
    world.poison.clear();
    resumeAll(world);
    await world.life.clock.pass(60_000);
    expect(world.delivered.size).toBe(7);
  });
});
