import { describe, expect, test } from "vitest";
import { createWorld, promises } from "./world.ts";
import { DELIVERED, FAILED, arrive, underWay, finish, prove } from "./dispatcher-steps.ts";

function names(count: number, prefix = "s"): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${i}`);
}

describe("ISOLATE-1: who may start", () => {
  test("failing sessions share a quarter of the connections", async () => {
    const world = createWorld({ connections: 8 });
    const sick = names(20, "sick");
    arrive(world, sick);
    for (let i = 0; i < 40; i++) {
      await promises();
      for (const turn of world.turns.slice()) turn.finish(FAILED);
      await world.clock.pass(1000);
    }
    await world.clock.pass(60_000);
    expect(underWay(world)).toHaveLength(2); // of 8
    expect(world.dispatcher.counts().inFlight).toEqual({ proven: 0, unproven: 0, failing: 2 });
  });

  test("sessions that never succeeded leave a quarter free, and a proven one finds it at once", async () => {
    const world = createWorld({ connections: 8 });
    await prove(world, ["good"]);
    arrive(world, names(30, "new"));
    await promises();
    expect(underWay(world)).toHaveLength(6);
    arrive(world, ["good"]);
    await promises();
    expect(underWay(world)).toContain("good");
  });

  test("hung attempts yield when others wait, all but the failing share, and not before they are slow", async () => {
    const world = createWorld({ connections: 4, attempts: true });
    const good = names(8, "good");
    await prove(world, good);
    arrive(world, good);
    await promises();
    const hung = underWay(world);
    expect(hung).toHaveLength(4);
    await world.clock.pass(240);
    expect(underWay(world)).toEqual(hung);
    await world.clock.pass(100);
    const still = underWay(world);
    expect(still.filter((session) => hung.includes(session))).toHaveLength(1);
    expect(still).toHaveLength(4);
  });

  test("a session that hangs counts as failing once it shows, and makes room at once when others come", async () => {
    const world = createWorld({ connections: 8, attempts: true });
    const hung = names(5, "hung");
    arrive(world, hung);
    await world.clock.pass(320);
    expect(underWay(world)).toEqual(hung); // nobody waits, so nobody yields
    expect(world.dispatcher.counts().inFlight).toEqual({ proven: 0, unproven: 0, failing: 5 });
    const fresh = names(4, "fresh");
    arrive(world, fresh);
    await promises();
    expect(underWay(world)).toEqual(expect.arrayContaining(fresh));
    await world.clock.pass(200); // those that yielded try again, and the others hang on: a quarter is theirs
    expect(underWay(world).filter((session) => session.startsWith("hung"))).toHaveLength(2);
  });

  test("hung attempts continue until they time out while no other session waits", async () => {
    const world = createWorld({ connections: 4, attempts: true, attemptTimeoutMs: 30_000 });
    arrive(world, ["a"]);
    await promises();
    await world.clock.pass(29_000);
    expect(underWay(world)).toEqual(["a"]);
    await world.clock.pass(1100);
    expect(world.dispatcher.lane("a")?.attempts).toBe(1);
  });

  test("an attempt that ended no longer counts as under way, also the earlier ones of one turn", async () => {
    const world = createWorld({ connections: 4, attempts: true });
    await prove(world, names(4));
    await world.clock.pass(1000);
    expect(world.clock.pending()).toBe(0); // nobody sweeps
  });
});

describe("a lane that may not forward", () => {
  test("asks the broker once, and continues when it confirms", async () => {
    const world = createWorld();
    arrive(world, ["a"]);
    await finish(world, "a", { kind: "fenced" });
    expect(world.verifies).toHaveLength(1);
    expect(world.turns).toHaveLength(0);
    world.verifies.pop()?.(true);
    await promises();
    expect(underWay(world)).toEqual(["a"]);
  });

  test("asks at a pace while the answer is no", async () => {
    const world = createWorld();
    let asked = 0;
    arrive(world, ["a"]);
    for (let i = 0; i < 100; i++) {
      await finish(world, "a", { kind: "fenced" });
      for (const verify of world.verifies.splice(0)) {
        asked++;
        verify(false);
      }
      await world.clock.pass(10);
    }
    expect(asked).toBeGreaterThan(5);
    expect(asked).toBeLessThan(15); // 1000 ms
  });

  test("ORDER-1: an answer that comes after a takeover does not start a lane that backs off by then", async () => {
    const world = createWorld({ random: () => 0.99 });
    arrive(world, ["a"]);
    await finish(world, "a", { kind: "fenced" });
    world.reset();
    world.deliver(1);
    await promises();
    await finish(world, "a", FAILED);
    expect(world.dispatcher.lane("a")?.phase.name).toBe("backoff");
    world.verifies.pop()?.(true);
    await promises();
    expect(world.turns).toHaveLength(0);
    await world.clock.pass(500);
    expect(underWay(world)).toEqual(["a"]);
    expect(world.broken).toEqual([]);
  });
});

describe("BOUND-1: idle lanes", () => {
  test("are forgotten beyond ten thousand, but not while their pointer into the log is being written", async () => {
    const world = createWorld();
    arrive(world, ["idle", "held"]);
    await promises();
    for (const name of names(10_000)) world.dispatcher.open(name, name, 0);
    const lane = world.dispatcher.lane("held");
    if (lane !== undefined) void world.held.hold(lane, "paused", "why");
    await finish(world, "idle", DELIVERED);
    await finish(world, "held", DELIVERED);
    expect(world.dispatcher.lane("idle")).toBeUndefined();
    expect(world.dispatcher.lane("held")).toBe(lane);
  });
});

describe("a poison event that asks for its session to be parked", () => {
  test("the lane stands still, and waiting gateways are notified", async () => {
    const world = createWorld();
    arrive(world, ["a"], 3);
    await finish(world, "a", { kind: "park", reason: "422" });
    expect(world.holds).toMatchObject([{ reason: "422" }]);
    await world.clock.pass(60_000);
    expect(world.turns).toHaveLength(0);
    expect([...world.told.keys()]).toEqual(["to.1", "to.2", "to.3"].toSorted());
  });

  test("is tried again when that cannot be written", async () => {
    const world = createWorld();
    arrive(world, ["a"]);
    await finish(world, "a", { kind: "park", reason: "422" });
    world.holds[0]?.fail();
    await promises();
    await world.clock.pass(60_000);
    expect(underWay(world)).toEqual(["a"]);
  });

  test("is sent again after a takeover, so that no session stays parked without being held", async () => {
    const world = createWorld();
    arrive(world, ["a"]);
    world.reset();
    await finish(world, "a", { kind: "park", reason: "422" });
    expect(world.holds).toEqual([]);
    world.deliver(1);
    await promises();
    expect(underWay(world)).toEqual(["a"]);
  });
});

test("BOUND-1: lanes of a shard that was lost are forgotten like others that have nothing to do", async () => {
  const world = createWorld({ connections: 1 });
  arrive(world, names(12_000));
  expect(world.dispatcher.counts().lanes).toBe(12_000);
  world.reset();
  expect(world.dispatcher.counts()).toMatchObject({ lanes: 10_000, waiting: 1 });
  await world.heal();
  expect(world.broken).toEqual([]);
  expect(world.settled.size).toBe(12_000);
});
