import { describe, expect, test } from "vitest";
import { createWorld, promises } from "./world.ts";
import { FAILED, arrive, finish } from "./dispatcher-steps.ts";

describe("gateways that wait", () => {
  test("are notified at once when their event joins a queue behind a failing head, but not behind one that flows", async () => {
    const world = createWorld();
    arrive(world, ["a"], 2);
    expect(world.told.size).toBe(0);
    await finish(world, "a", FAILED);
    expect([...world.told]).toEqual([["to.2", "backlog"]]); // the head itself may still make it in time
    arrive(world, ["a"]);
    expect(world.told.get("to.3")).toBe("backlog");
  });

  test("are notified when the head is slow", async () => {
    const world = createWorld();
    arrive(world, ["a"]);
    await promises();
    await world.clock.pass(2000);
    arrive(world, ["a"]);
    expect(world.told.get("to.2")).toBe("backlog");
  });

  test("are all released in an outage, and notified once", async () => {
    const world = createWorld();
    arrive(world, ["a", "b"], 2);
    world.dispatcher.releaseWaiting("coordinator away");
    expect(world.told.size).toBe(4);
    world.told.clear();
    world.dispatcher.releaseWaiting("coordinator away");
    expect(world.told.size).toBe(0);
  });

  test("a backlog lists the sessions that wait behind trouble, and says when there are more", async () => {
    const world = createWorld();
    arrive(world, ["a", "b", "c"], 2);
    await finish(world, "a", FAILED);
    await finish(world, "b", FAILED);
    expect(world.dispatcher.backlog(10)).toEqual({
      sessions: [
        { session: "a", events: 2, bytes: 200 },
        { session: "b", events: 2, bytes: 200 },
      ],
      overflow: false,
    });
    expect(world.dispatcher.backlog(1).overflow).toBe(true);
  });
});
