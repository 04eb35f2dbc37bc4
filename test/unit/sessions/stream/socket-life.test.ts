import type { WebSocket } from "@fastify/websocket";
import { expect, test } from "vitest";
import { lookAfter, type SocketLife } from "../../../../src/sessions/stream/socket-life.ts";
import { createFakeClock, type FakeClock } from "../../../support/fake-clock.ts";

const MINUTE = 60_000;

type Stage = {
  clock: FakeClock;
  life: SocketLife;
  pings: number;
  ends: string[];
  watches: boolean;
  isPaused: boolean;
};

/** A socket whose client answers pings, if `answers` says so. */
function stage({ watches = false, answers = true, isPaused = false } = {}): Stage {
  const clock = createFakeClock();
  const at: Stage = { clock, life: undefined as never, pings: 0, ends: [], watches, isPaused };
  const socket = {
    get isPaused() {
      return at.isPaused;
    },
    ping() {
      at.pings++;
      if (answers) at.life.heard();
    },
  } as WebSocket;
  at.life = lookAfter(socket, clock, {
    watches: () => at.watches,
    gone: () => at.ends.push("gone"),
    idle: () => at.ends.push("idle"),
  });
  return at;
}

test("a socket that wants nothing is closed after five minutes, each use begins them anew", async () => {
  const at = stage();
  await at.clock.pass(4 * MINUTE);
  at.life.used();
  await at.clock.pass(4.5 * MINUTE);
  expect(at.ends).toEqual([]);
  await at.clock.pass(MINUTE);
  expect(at.ends).toEqual(["idle"]);
});

test("one that waits for events is never idle, and is asked twice a minute whether it is there", async () => {
  const at = stage({ watches: true });
  await at.clock.pass(60 * MINUTE);
  expect(at).toMatchObject({ ends: [], pings: 120 });
  at.watches = false; // its session's events ended: from now on it counts
  await at.clock.pass(4 * MINUTE);
  expect(at.ends).toEqual([]);
  await at.clock.pass(2 * MINUTE);
  expect(at.ends).toEqual(["idle"]);
});

test("a half-open one, which answers no ping, is gone within a minute, also if it watches", async () => {
  const at = stage({ watches: true, answers: false });
  await at.clock.pass(MINUTE - 1);
  expect(at.ends).toEqual([]);
  await at.clock.pass(1);
  expect(at.ends).toEqual(["gone"]);
});

test("what is not read cannot be heard: a paused one is not taken for gone", async () => {
  const at = stage({ watches: true, answers: false, isPaused: true });
  await at.clock.pass(10 * MINUTE);
  expect(at.ends).toEqual([]);
  at.isPaused = false;
  await at.clock.pass(MINUTE);
  expect(at.ends).toEqual(["gone"]);
});

test("after its end nothing is asked any more", async () => {
  const at = stage();
  at.life.stop();
  await at.clock.pass(60 * MINUTE);
  expect(at).toMatchObject({ ends: [], pings: 0 });
  expect(at.clock.pending()).toBe(0);
});
