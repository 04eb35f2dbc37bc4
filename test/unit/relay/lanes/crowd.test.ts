import { describe, expect, test } from "vitest";
import { ownConnections, type Connections } from "../../../../src/relay/lanes/connections.ts";
import { createCrowd, type Crowd, type CrowdWorld } from "./crowd.ts";

const SESSIONS = Array.from({ length: 60 }, (_, i) => `s${i}`);
const ROOM = 8;
const SERVICE_MS = 20;

/** A coordinator with room for a number of requests, which refuses the others. */
function refusing(status: number): Crowd {
  return ({ answer }, present, clock) => {
    if (present > ROOM) answer(status);
    else clock.after(SERVICE_MS, () => answer(201));
  };
}

/** A coordinator with room for a number of requests, which lets the others wait. */
function queueing(): Crowd {
  const queue: (() => void)[] = [];
  let busy = 0;
  return ({ answer }, _present, clock) => {
    const serve = (): void => {
      busy++;
      clock.after(SERVICE_MS, () => {
        busy--;
        answer(201);
        queue.shift()?.();
      });
    };
    if (busy < ROOM) serve();
    else queue.push(serve);
  };
}

function afterMs(ms: number): Crowd {
  return ({ answer }, _present, clock) => clock.after(ms, () => answer(201));
}

async function run(crowd: Crowd, { fixed = false, ms = 5000 } = {}): Promise<CrowdWorld> {
  const world = await createCrowd(crowd, fixed ? ownConnections(32) : undefined);
  world.append(3000, SESSIONS);
  await world.clock.pass(ms);
  return world;
}

function medianOf(ms: readonly number[]): number {
  return ms.toSorted((a, b) => a - b)[ms.length >> 1] ?? NaN;
}

/** ORDER-1 */
function expectOrder({ first }: CrowdWorld): void {
  for (const [session, order] of first) expect(order, session).toEqual(order.toSorted((a, b) => a - b));
}

describe("a coordinator that has room for eight", () => {
  test.each([429, 503])(
    "and answers %i to the others gets nearly what it can take, in order",
    async (status) => {
      const world = await run(refusing(status));
      expect(world.answered.well).toBeGreaterThan(0.85 * (5000 / SERVICE_MS) * ROOM);
      expect(world.answered.refused).toBeLessThan(0.1 * world.answered.well);
      expect(world.phases, "it never counts as away").toEqual(["up"]);
      expectOrder(world);
      const fixed = await run(refusing(status), { fixed: true });
      expect(world.answered.refused).toBeLessThan(fixed.answered.refused / 3);
      if (status === 503) expect(world.answered.well).toBeGreaterThan(1.5 * fixed.answered.well);
    },
  );

  test("and lets the others wait gets as much as before, in less time each", async () => {
    const [world, fixed] = [await run(queueing()), await run(queueing(), { fixed: true })];
    expect(world.answered.well).toBeGreaterThan(0.97 * fixed.answered.well);
    expect(medianOf(world.answered.ms.slice(300))).toBeLessThan(
      0.75 * medianOf(fixed.answered.ms.slice(300)),
    );
    expectOrder(world);
  });
});

describe("a coordinator that has room for all", () => {
  test("and takes 50 ms gets 32 at once within half a second", async () => {
    const world = await run(afterMs(50), { ms: 500 });
    expect(world.allowed()).toBe(32);
    await world.clock.pass(1000);
    expect(world.answered.most).toBe(32);
  });

  test("and becomes slower keeps them", async () => {
    let ms = 5;
    const world = await run((visit, present, clock) => afterMs(ms)(visit, present, clock), { ms: 350 });
    ms = 80;
    await world.clock.pass(3000);
    expect(world.allowed()).toBe(32);
  });
});

test("ISOLATE-1: sessions that hang hold up no others while few requests are allowed", async () => {
  const busy = refusing(503);
  const world = await createCrowd((visit, present, clock) => {
    if (!visit.session.startsWith("hanging")) busy(visit, present, clock);
  });
  world.append(600, SESSIONS);
  await world.clock.pass(1000);
  world.append(
    30,
    Array.from({ length: 30 }, (_, i) => `hanging${i}`),
  );
  await world.clock.pass(1000);
  const before = world.answered.well;
  world.append(600, SESSIONS);
  await world.clock.pass(3000);
  expect(world.answered.well - before).toBeGreaterThan(300);
});

test("ISOLATE-1: beside fifty sessions that hang, new ones wait no longer than with all connections", async () => {
  async function waitBeside(connections?: Connections): Promise<number> {
    const well = afterMs(2);
    const world = await createCrowd((visit, present, clock) => {
      if (!visit.session.startsWith("hanging")) well(visit, present, clock);
    }, connections);
    for (let i = 0; i < 60; i++) {
      world.append(1, SESSIONS);
      await world.clock.pass(10);
    }
    world.append(
      50,
      Array.from({ length: 50 }, (_, i) => `hanging${i}`),
    );
    const [before, began] = [world.answered.well, world.clock.now()];
    world.append(
      20,
      Array.from({ length: 20 }, (_, i) => `new${i}`),
    );
    while (world.answered.well < before + 20) await world.clock.pass(1);
    return world.clock.now() - began;
  }
  expect(await waitBeside()).toBeLessThanOrEqual(await waitBeside(ownConnections(32)));
});
