import { describe, expect, test } from "vitest";
import { decodeHeld, type HeldRecord } from "../../../../src/shared/log/state/held.ts";
import { stateKey } from "../../../../src/shared/log/schema/topology.ts";
import { createHeldWorld, SESSIONS, type HeldWorld } from "./held-world.ts";

const [one = "", other = ""] = SESSIONS;

async function start(holdAbove = 100): Promise<HeldWorld> {
  const world = createHeldWorld({ holdAbove, batchMax: 1, savedCrashes: true });
  await world.life.takeOver();
  return world;
}

function append(world: HeldWorld, session: string, count: number): void {
  for (let i = 0; i < count; i++) world.append(session);
  world.life.deliver(world.log.length);
}

function recordOf(world: HeldWorld, session: string): HeldRecord | undefined {
  const value = world.bucket.get(stateKey.held(session));
  return value && decodeHeld(value);
}

/** What the coordinator has of a session. */
function delivered(world: HeldWorld, session: string): number {
  return world.log.filter((event) => event.session === session && world.delivered.has(event.seq)).length;
}

describe("a paused session", () => {
  test("ISOLATE-1: pending and new events are held, other sessions continue; ORDER-1: resumed, it continues in order", async () => {
    const world = await start();
    world.sick.add(one);
    append(world, one, 5);
    world.wish(one, { action: "pause" });
    await world.life.clock.pass(1500);
    expect(recordOf(world, one)).toMatchObject({ from: 1, reason: "paused", text: "why" });
    expect(world.life.dispatcher.lane(one)?.length).toBeLessThan(2); // acked: the shard's window is free
    world.sick.clear();
    append(world, one, 5);
    append(world, other, 5);
    await world.life.clock.pass(60_000);
    expect([delivered(world, one), delivered(world, other)]).toEqual([0, 5]);
    expect(world.life.control.counts()).toEqual({ backlog: 0, parked: 0, paused: 1 });
    world.wish(one, { action: "resume" });
    await world.life.clock.pass(5000);
    expect(delivered(world, one)).toBe(10);
    expect([...world.bucket.keys()]).toEqual([]);
    expect(world.broken).toEqual([]);
  });

  test("ONCE-1: an event that was on its way when its session was paused is not read from the log again", async () => {
    const world = await start();
    world.sick.add(one);
    world.sendMs = 3000;
    append(world, one, 1);
    world.wish(one, { action: "pause" });
    await world.life.clock.pass(5000);
    expect(recordOf(world, one)).toMatchObject({ from: 1, reason: "paused" });
    world.sendMs = 1;
    world.broker.delayMs = 20;
    world.wish(one, { action: "resume" });
    await world.life.clock.pass(2000);
    world.sick.clear();
    await world.life.clock.pass(60_000);
    expect(delivered(world, one)).toBe(1);
    expect(world.broken).toEqual([]);
  });

  test("whose head is skipped while it is on its way: it is buried when it fails", async () => {
    const world = await start();
    world.sick.add(one);
    world.sendMs = 3000;
    append(world, one, 1);
    world.wish(one, { action: "pause" });
    await world.life.clock.pass(1500);
    world.wish(one, { action: "resume", skip: 1 });
    await world.life.clock.pass(3000);
    world.sendMs = 5;
    await world.life.clock.pass(2000);
    expect(world.delivered.size).toBe(1); // buried: nothing of a sick session is delivered
  });

  test("that does not exist yet is paused when its first event comes", async () => {
    const world = await start();
    world.wish(one, { action: "pause" });
    await world.life.clock.pass(1500);
    expect(world.life.control.idle()).toEqual([one]);
    append(world, one, 3);
    await world.life.clock.pass(500);
    expect(recordOf(world, one)).toMatchObject({ from: 1, reason: "paused" });
    expect(world.life.control.idle()).toEqual([]);
    expect(delivered(world, one)).toBe(0);
  });

  test("stays paused through a crash that comes before anything of it was written", async () => {
    const world = await start();
    world.wish(one, { action: "pause" });
    await world.crash();
    append(world, one, 3);
    await world.life.clock.pass(10_000);
    expect(delivered(world, one)).toBe(0);
    world.wish(one, { action: "resume" });
    await world.life.clock.pass(5000);
    expect(delivered(world, one)).toBe(3);
  });

  test("continues when its request is deleted by hand", async () => {
    const world = await start();
    append(world, one, 1);
    world.wish(one, { action: "pause" });
    await world.life.clock.pass(1500);
    append(world, one, 3);
    await world.life.clock.pass(1500);
    world.wish(one, undefined);
    await world.life.clock.pass(5000);
    expect(delivered(world, one)).toBe(4);
    expect(recordOf(world, one)).toBeUndefined();
  });

  test("SETTLE-1: the end of an old pointer is not the end of the one that the pause writes", async () => {
    const world = await start(3);
    world.sick.add(one);
    append(world, other, 1);
    append(world, one, 6);
    await world.life.clock.pass(50);
    world.sick.clear();
    world.broker.refuseDeletes = true;
    await world.life.clock.pass(5000); // everything is sent, and the pointer cannot be deleted
    append(world, one, 2);
    world.wish(one, { action: "pause" });
    await world.life.clock.pass(3000);
    world.broker.refuseDeletes = false;
    await world.life.clock.pass(3000);
    expect(recordOf(world, one)).toMatchObject({ from: 8, reason: "paused" });
    await world.crash();
    world.wish(one, { action: "resume" });
    await world.life.clock.pass(5000);
    expect(delivered(world, one)).toBe(8);
    expect(world.broken).toEqual([]);
  });
});

describe("a parked session", () => {
  async function parked(): Promise<HeldWorld> {
    const world = await start();
    world.poison.add(2);
    append(world, one, 4);
    await world.life.clock.pass(1000);
    expect(recordOf(world, one)).toMatchObject({ from: 2, reason: "parked" });
    return world;
  }

  test("resumed, its poison head is tried again, and parks it again", async () => {
    const world = await parked();
    world.wish(one, { action: "resume" });
    await world.life.clock.pass(5000);
    expect(recordOf(world, one)).toMatchObject({ from: 2, reason: "parked" });
    world.poison.clear();
    world.wish(one, { action: "resume" });
    await world.life.clock.pass(5000);
    expect(delivered(world, one)).toBe(4);
  });

  test("ORDER-1: its head is skipped, and the others follow; a crash in between skips no other", async () => {
    const world = await parked();
    world.poison.add(3);
    world.wish(one, { action: "resume", skip: 2 });
    await world.life.clock.pass(1005);
    await world.crash();
    await world.life.clock.pass(5000);
    expect(recordOf(world, one)).toMatchObject({ from: 3, reason: "parked" });
    world.wish(one, { action: "resume", skip: 3 });
    await world.life.clock.pass(5000);
    expect(world.delivered.size).toBe(4);
    expect(world.broken).toEqual([]);
  });

  test("is not resumed by the end of a pause from before it was parked", async () => {
    const world = await start();
    world.poison.add(2);
    world.sick.add(one);
    append(world, one, 4);
    world.wish(one, { action: "pause" });
    await world.life.clock.pass(1500);
    world.sick.clear();
    world.wish(one, { action: "resume" });
    await world.life.clock.pass(1000);
    expect(recordOf(world, one)).toMatchObject({ from: 2, reason: "parked" });
    world.poison.clear(); // whoever tries it again now was not told to
    await world.life.clock.pass(10_000);
    expect(recordOf(world, one)).toMatchObject({ from: 2, reason: "parked" });
  });

  test("can be paused as well: one resume ends both", async () => {
    const world = await parked();
    world.wish(one, { action: "pause" });
    await world.life.clock.pass(1500);
    expect(recordOf(world, one)?.reason).toBe("parked");
    world.poison.clear();
    world.wish(one, { action: "resume" });
    await world.life.clock.pass(5000);
    expect(delivered(world, one)).toBe(4);
  });
});

test("a wish is in force when it was carried out, and not before the bucket took what it needs", async () => {
  const world = await start();
  world.sick.add(one);
  append(world, one, 2);
  world.wish(one, { action: "pause" });
  const revision = world.revisions.get(stateKey.control(one)) ?? 0;
  expect(world.life.control.inForce()).toBeLessThan(revision);
  await world.life.clock.pass(1500);
  expect(world.life.control.inForce()).toBe(revision);
  world.broker.down = true;
  await world.life.clock.pass(3000);
  expect(world.life.control.inForce()).toBe(revision);
});
