import { describe, expect, test } from "vitest";
import type { TurnOutcome } from "../../../../src/relay/lanes/turn-outcome.ts";
import { createWorld, envelopeOf, promises, type World } from "./world.ts";

const DELIVERED: TurnOutcome = { kind: "settled", how: "delivered" };
const FAILED: TurnOutcome = { kind: "retry", reason: "503", counts: true };

/** Appends one event per session and delivers it. */
function arrive(world: World, sessions: string[], each = 1): void {
  for (const session of sessions) for (let i = 0; i < each; i++) world.append(session);
  world.deliver(world.log.length);
}

function names(count: number, prefix = "s"): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${i}`);
}

function underWay(world: World): string[] {
  return world.turns.map(({ lane }) => lane.session);
}

async function finish(world: World, session: string, outcome: TurnOutcome): Promise<void> {
  world.turns.find(({ lane }) => lane.session === session)?.finish(outcome);
  await promises();
}

/** Lets every session succeed once. */
async function prove(world: World, sessions: string[]): Promise<void> {
  arrive(world, sessions);
  await promises();
  for (const session of sessions) await finish(world, session, DELIVERED);
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

  test("hung attempts go on while nobody else waits, until they time out", async () => {
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
  test("asks the broker once, and goes on when it says yes", async () => {
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
  test("the lane stands still, and waiting gateways are told", async () => {
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

  test("is sent again after a takeover before it came again: nothing stays parked that nobody holds", async () => {
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

  test("not while nobody succeeds", async () => {
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

  test("SETTLE-1: events that fail together for long go one by one, and only the one that fails alone is condemned", async () => {
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

  test("an event that a lagging replica does not have yet is waited for; what stays away is settled as gone", async () => {
    const world = await thinHead();
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

  test("an event that later ones of its session stand without is gone", async () => {
    const world = await thinHead();
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

describe("gateways that wait", () => {
  test("are told at once when their event joins a queue behind trouble, but not behind a head that flows", async () => {
    const world = createWorld();
    arrive(world, ["a"], 2);
    expect(world.told.size).toBe(0);
    await finish(world, "a", FAILED);
    expect([...world.told]).toEqual([["to.2", "backlog"]]); // the head itself may still make it in time
    arrive(world, ["a"]);
    expect(world.told.get("to.3")).toBe("backlog");
  });

  test("are told when the head is slow", async () => {
    const world = createWorld();
    arrive(world, ["a"]);
    await promises();
    await world.clock.pass(2000);
    arrive(world, ["a"]);
    expect(world.told.get("to.2")).toBe("backlog");
  });

  test("are all released in an outage, and told once", async () => {
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

describe("the gate", () => {
  test("while it is closed nothing starts; when it opens, whoever backed off starts at once", async () => {
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

  test("nobody takes a probe when nothing waits", () => {
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
