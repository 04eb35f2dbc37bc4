import { expect, test } from "vitest";
import type { Tried } from "../../../../src/gateway/runner/attempt.ts";
import type { Call } from "../../../../src/gateway/runner/call.ts";
import type { Found } from "../../../../src/gateway/runner/ghosts.ts";
import { createHandouts, DOUBT_MS, type Handout } from "../../../../src/gateway/runner/handouts.ts";
import { createPolls } from "../../../../src/gateway/runner/poll.ts";
import { createStops } from "../../../../src/gateway/runner/stops.ts";
import { createSuspicion, SUSPICIOUS_MS } from "../../../../src/gateway/runner/suspicion.ts";
import { createWay } from "../../../../src/gateway/runner/way.ts";
import { silentLogger } from "../../../../src/shared/base/logger.ts";
import type { RelayState } from "../../../../src/shared/messages/relay-state.ts";
import { createFakeClock } from "../../../support/fake-clock.ts";
import { answer, failed, fakeCall, handOn, type FakeCall } from "./fake-call.ts";

const HEARD = {} as RelayState;
const RUN = { run: { run_id: "r1", session_id: "s1" } };

/** Polls of runner `a`, which is known here already unless `first` is set. */
function polling({ first = false } = {}) {
  const clock = createFakeClock();
  const way = createWay({ clock, logger: silentLogger() });
  const suspicion = createSuspicion(clock);
  if (!first) suspicion.registered("a");
  let kept: Handout[] = [];
  const handouts = createHandouts({ kept: { read: () => [], write: (all) => void (kept = all) }, clock });
  const stops = createStops();
  const it = {
    clock,
    way,
    suspicion,
    handouts,
    stops,
    kept: () => kept,
    /** What the next tries come to, `afterMs` later. */
    next: answer(204),
    afterMs: 0,
    asked: 0,
    looks: 0,
    lookMs: 0,
    found: [] as Found[],
    told: [] as string[],
    poll(): FakeCall {
      const polled = fakeCall(clock);
      void serve(polled.call, "a");
      return polled;
    },
  };
  const attempt = (call: Call, limitMs: number): Promise<Tried> => {
    it.asked++;
    const { next } = it;
    return new Promise((resolve) => {
      clock.after(Math.min(it.afterMs, limitMs), () =>
        resolve(it.afterMs > limitMs ? { kind: "late" } : next),
      );
      call.signal.addEventListener("abort", () => resolve({ kind: "ended" }));
    });
  };
  const serve = createPolls({
    async attempt(call, limitMs) {
      const tried = await attempt(call, limitMs);
      if (tried.kind === "failed") way.failed(tried.code);
      return tried;
    },
    handOn,
    way,
    suspicion,
    ghosts: {
      async look(_, limitMs) {
        it.looks++;
        if (it.lookMs > 0)
          await new Promise<void>((resolve) => void clock.after(Math.min(it.lookMs, limitMs), resolve));
        return { found: it.found.shift(), waiting: false };
      },
    },
    handouts,
    stops,
    know: (run, session) => void it.told.push(`${run} of ${session}`),
    answered: () => undefined,
    clock,
  });
  return it;
}

test("a poll whose way is missing is held for a second, then until the way is back", async () => {
  const it = polling();
  it.next = failed("relay_unavailable");
  const { response } = it.poll();
  await it.clock.pass(20_000);
  expect(response.headersSent).toBe(false);
  it.way.heard(HEARD);
  await it.clock.pass(1000);
  expect([response.status, response.headers["rr-answered-by"]]).toEqual([204, "gateway"]);
  it.next = failed("tunnel_busy");
  const second = it.poll();
  await it.clock.pass(990);
  expect(second.response.headersSent).toBe(false);
  await it.clock.pass(20);
  expect(second.response.status).toBe(204);
});

test("it is answered after 30 s at the latest, and no request is made while the way is broken", async () => {
  const it = polling();
  it.next = failed("log_unreachable");
  const { response } = it.poll();
  await it.clock.pass(29_900);
  expect(response.headersSent).toBe(false);
  await it.clock.pass(200);
  expect(response.status).toBe(204);
  it.poll();
  await it.clock.pass(5000);
  expect(it.asked).toBe(1);
});

test("a relay that says nothing is not waited for longer than 32 s", async () => {
  const it = polling();
  it.afterMs = 60_000;
  const { response } = it.poll();
  await it.clock.pass(31_000);
  expect(response.headersSent).toBe(false);
  await it.clock.pass(1000);
  expect(response.status).toBe(204);
});

test.each([
  [answer(401, { detail: "Runner not registered" }), 401],
  [answer(500, "x"), 500],
  [failed("coordinator_unreachable"), 503],
  [failed("path_not_allowed"), 503],
])("what is said of the coordinator goes through: %j", async (tried, status) => {
  const it = polling();
  it.next = tried;
  const { response } = it.poll();
  await it.clock.pass(0);
  expect([response.status, response.headers]).toEqual([status, {}]);
});

test("the first poll that a new gateway sees is over at once, with what was found", async () => {
  const it = polling({ first: true });
  it.lookMs = 5000;
  const first = it.poll();
  await it.clock.pass(1000);
  expect([first.response.status, it.asked]).toEqual([204, 0]);
  const second = it.poll();
  await it.clock.pass(0);
  expect([second.response.headers, it.asked]).toEqual([{}, 1]);
  const other = polling({ first: true });
  other.found = [{ kind: "run", run: "r1", session: "s1", body: Buffer.from('{"run":1}') }];
  const { response } = other.poll();
  await other.clock.pass(0);
  expect([response.status, response.body, response.headers["rr-answered-by"]]).toEqual([
    200,
    '{"run":1}',
    "gateway",
  ]);
  expect(other.told).toEqual(["r1 of s1"]);
  expect(other.kept()).toEqual([{ run: "r1", runner: "a", state: "given" }]);
});

test("it is looked for ghosts while a broken poll may still act, every 2 s, at once where something was found", async () => {
  const it = polling();
  for (let i = 0; i < 4; i++) {
    it.poll();
    await it.clock.pass(600);
  }
  expect(it.looks).toBe(1);
  await it.clock.pass(1500);
  it.found = [{ kind: "stops", runs: ["r1"], body: '{"stop_sessions":["s1"]}' }];
  expect(it.poll().response.headersSent).toBe(false);
  await it.clock.pass(0);
  it.poll();
  await it.clock.pass(0);
  expect(it.looks).toBe(3);
  expect(it.stops.mayTell("r1", "s1")).toBe(false);
  await it.clock.pass(SUSPICIOUS_MS);
  it.poll();
  await it.clock.pass(0);
  expect(it.looks).toBe(3);
  it.next = failed("relay_lost");
  it.poll();
  await it.clock.pass(0);
  it.way.heard(HEARD);
  await it.clock.pass(3000);
  it.next = answer(204);
  it.poll();
  await it.clock.pass(0);
  expect(it.looks).toBe(4);
});

test("after a slow look the poll is not passed on, and the next one is", async () => {
  const it = polling();
  it.lookMs = 1200;
  const { response } = it.poll();
  await it.clock.pass(1200);
  expect([response.status, it.asked]).toEqual([204, 0]);
  it.poll();
  await it.clock.pass(0);
  expect([it.looks, it.asked]).toEqual([1, 1]);
});

test("a run of the coordinator's own answer is written before it goes out, and found again if it does not arrive", async () => {
  const it = polling();
  it.next = answer(200, RUN);
  const lost = it.poll();
  lost.response.arrives = false;
  await it.clock.pass(0);
  expect([it.handouts.mayGive("r1"), it.told]).toEqual([true, ["r1 of s1"]]);
  const { response } = it.poll(); // looks at once
  await it.clock.pass(0);
  expect([response.status, it.looks]).toEqual([200, 2]);
  await it.clock.pass(DOUBT_MS);
  expect(it.handouts.mayGive("r1")).toBe(false);
});

test("a run that two polls find at once is given once", async () => {
  const it = polling();
  it.lookMs = 100;
  const found: Found = { kind: "run", run: "r1", session: "s1", body: Buffer.from("{}") };
  it.found = [found, found];
  const polls = [it.poll(), it.poll()];
  await it.clock.pass(200);
  expect(polls.map(({ response }) => response.status)).toEqual([200, 204]);
  it.next = answer(200, RUN);
  const echo = it.poll();
  await it.clock.pass(2000);
  expect([echo.response.status, echo.response.headers["rr-answered-by"]]).toEqual([204, "gateway"]);
  await it.clock.pass(60_000);
  it.found = [];
  const anew = it.poll();
  await it.clock.pass(200);
  expect(anew.response.status).toBe(200);
});

test("a client that closed its side gets no run", async () => {
  const it = polling();
  it.next = answer(200, RUN);
  const polled = it.poll();
  polled.response.socket.readableEnded = true;
  await it.clock.pass(0);
  expect([polled.response.status, it.handouts.mayGive("r1")]).toEqual([204, true]);
  it.next = answer(200, { stop_sessions: ["s1"] });
  const second = it.poll();
  second.response.socket.readableEnded = true;
  await it.clock.pass(0);
  expect([second.response.status, it.stops.mayTell("r9", "s1")]).toEqual([204, true]);
});

test("a stop that the coordinator gave out is not repeated", async () => {
  const it = polling();
  it.next = answer(200, { stop_sessions: ["s1"] });
  expect((it.poll(), await it.clock.pass(0), it.stops.mayTell("r1", "s1"))).toBe(false);
  it.stops.ended("s1");
  expect(it.stops.mayTell("r2", "s1")).toBe(true);
});

test("a stop of the gateway answers what is held, at once", async () => {
  const it = polling();
  it.afterMs = 25_000;
  const passed = it.poll();
  await it.clock.pass(100);
  passed.stop();
  await it.clock.pass(0);
  expect([passed.response.status, passed.response.shouldKeepAlive]).toEqual([204, false]);
  it.way.failed("relay_unavailable");
  const held = it.poll();
  await it.clock.pass(100);
  held.stop();
  await it.clock.pass(0);
  expect(held.response.status).toBe(204);
});

test("a client that leaves a held poll frees its place", async () => {
  const it = polling();
  it.way.failed("relay_unavailable");
  const { response } = it.poll();
  await it.clock.pass(100);
  const before = it.clock.pending();
  response.leave();
  await it.clock.pass(0);
  expect(it.clock.pending()).toBe(before - 1);
  expect(response.headersSent).toBe(false);
});
