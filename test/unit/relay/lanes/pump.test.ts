import { describe, expect, test } from "vitest";
import { createWorld, promises } from "./world.ts";
import { DELIVERED, FAILED, arrive, underWay, finish } from "./dispatcher-steps.ts";

describe("the gate", () => {
  test("while it is closed nothing starts; when it opens, lanes that backed off start at once", async () => {
    const world = createWorld();
    arrive(world, ["a"]);
    await finish(world, "a", FAILED);
    world.gate.set("none");
    arrive(world, ["b"]);
    await world.clock.pass(60_000);
    expect(world.turns).toHaveLength(0);
    world.gate.set("all");
    world.dispatcher.opened();
    expect(underWay(world).toSorted()).toEqual(["a", "b"]);
  });

  test("a probe wakes a lane that backs off when no other waits, and rotates", async () => {
    const world = createWorld({ random: () => 0.99 });
    arrive(world, ["a", "b"]);
    world.gate.set("none");
    await finish(world, "a", FAILED);
    await world.clock.pass(1);
    await finish(world, "b", FAILED);
    await world.clock.pass(1);
    const probed: string[] = [];
    for (let i = 0; i < 4; i++) {
      world.gate.set("one");
      expect(world.dispatcher.offerProbe()).toBe(true);
      await promises();
      probed.push(...underWay(world));
      await finish(world, world.turns[0]?.lane.session ?? "", FAILED);
      await world.clock.pass(1);
    }
    expect(probed).toEqual(["a", "b", "a", "b"]);
  });

  test("a wait that the coordinator asked for is shortened neither by a probe nor by the end of an outage", async () => {
    const world = createWorld();
    arrive(world, ["a"]);
    await finish(world, "a", { ...FAILED, retryAfterMs: 5000 });
    world.gate.set("one");
    expect(world.dispatcher.offerProbe()).toBe(false);
    world.gate.set("all");
    world.dispatcher.opened();
    await world.clock.pass(4000);
    expect(world.turns).toHaveLength(0);
    await world.clock.pass(1000);
    expect(underWay(world)).toEqual(["a"]);
  });

  test("an operator shortens any wait of a lane, and nothing happens to one that does not wait", async () => {
    const world = createWorld();
    arrive(world, ["a"]);
    await finish(world, "a", { ...FAILED, retryAfterMs: 5000 });
    expect(world.dispatcher.tryNow("b")).toBe(false);
    expect(world.dispatcher.tryNow("a")).toBe(true);
    await promises();
    expect(underWay(world)).toEqual(["a"]);
    expect(world.dispatcher.tryNow("a")).toBe(false);
  });

  test("no probe is taken when nothing waits", () => {
    const world = createWorld();
    world.gate.set("one");
    expect(world.dispatcher.offerProbe()).toBe(false);
  });

  test("a drain starts nothing more and ends when nothing is in flight", async () => {
    const world = createWorld();
    arrive(world, ["a"], 2);
    await promises();
    let drained = false;
    void world.dispatcher.drain().then(() => (drained = true));
    await promises();
    expect(drained).toBe(false);
    await finish(world, "a", DELIVERED);
    expect(drained).toBe(true);
    await world.clock.pass(60_000);
    expect(world.turns).toHaveLength(0);
  });
});
