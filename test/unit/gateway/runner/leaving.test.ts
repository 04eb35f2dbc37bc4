import { describe, expect, test } from "vitest";
import type { Tried } from "../../../../src/gateway/runner/attempt.ts";
import { isKeptRemoval, type KeptRemoval } from "../../../../src/gateway/runner/kept-removals.ts";
import { createLeaves, isRemoved } from "../../../../src/gateway/runner/leaving.ts";
import { createWay } from "../../../../src/gateway/runner/way.ts";
import { silentLogger } from "../../../../src/shared/base/logger.ts";
import type { RelayState } from "../../../../src/shared/messages/relay-state.ts";
import { createFakeClock } from "../../../support/fake-clock.ts";
import { answer, failed, fakeCall, handOn } from "./fake-call.ts";

const HEARD = {} as RelayState;
const DAY = 24 * 60 * 60_000;

/** What keeps removals, with the outcome of a runner's own try, and what is answered to what is sent later (undefined: nobody answers). */
function leaving(tried: Tried, { kept = [] as KeptRemoval[] } = {}) {
  const clock = createFakeClock();
  const way = createWay({ clock, logger: silentLogger() });
  const seen = {
    stored: kept,
    status: undefined as number | undefined,
    asked: [] as string[],
    told: [] as unknown[],
  };
  const leaves = createLeaves({
    attempt() {
      if (tried.kind === "failed") way.failed(tried.code);
      return Promise.resolve(tried);
    },
    handOn,
    ask(method, target) {
      seen.asked.push(`${method} ${target}`);
      return Promise.resolve(seen.status === undefined ? undefined : { status: seen.status });
    },
    answered: (_, what, fields) => void seen.told.push([what, fields]),
    way,
    kept: { read: () => seen.stored, write: (all) => void (seen.stored = all) },
    clock,
    logger: silentLogger(),
  });
  return Object.assign(seen, { clock, way, leaves });
}

const runners = ({ stored }: { stored: KeptRemoval[] }): string[] => stored.map(({ runner }) => runner);

describe("a runner's own removal", () => {
  test("goes through as the coordinator answers it", async () => {
    const it = leaving(answer(404, { detail: "Runner not found" }));
    const { call, response } = fakeCall(it.clock);
    await it.leaves.serve(call, "r1");
    expect([response.status, response.headers, runners(it)]).toEqual([404, {}, []]);
  });

  test("is kept and answered where our way fails, and sent when a relay is heard", async () => {
    const it = leaving(failed("relay_unavailable"));
    const { call, response } = fakeCall(it.clock);
    await it.leaves.serve(call, "r 1");
    expect([response.status, response.headers["rr-answered-by"]]).toEqual([200, "gateway"]);
    expect(JSON.parse(response.body)).toMatchObject({ ok: true });
    expect(it.told).toEqual([["leave", { runner: "r 1", why: "relay_unavailable" }]]);
    expect(it.stored).toEqual([{ runner: "r 1", since: it.clock.wall() }]);
    await it.clock.pass(60_000);
    expect(it.asked, "nobody is asked while no relay responds").toEqual([]);
    it.way.heard(HEARD);
    await it.clock.pass(2000);
    expect([it.asked, runners(it)]).toEqual([["DELETE /runners/r%201?self=true"], ["r 1"]]);
    it.status = 200;
    await it.clock.pass(2000);
    expect(runners(it)).toEqual([]);
    await it.clock.pass(60_000);
    expect(it.asked).toHaveLength(2);
    expect(it.clock.pending()).toBe(0);
  });

  test("is kept also when its runner left before the answer, and when the gateway stops", async () => {
    const it = leaving({ kind: "ended" });
    const gone = fakeCall(it.clock);
    gone.response.leave();
    await it.leaves.serve(gone.call, "r1");
    const stopped = fakeCall(it.clock);
    stopped.stop();
    await it.leaves.serve(stopped.call, "r2");
    expect([runners(it), stopped.response.status]).toEqual([["r1", "r2"], 200]);
    it.leaves.stop();
    expect(it.clock.pending()).toBe(0);
  });

  test("a failure of the coordinator is its own", async () => {
    const it = leaving(failed("coordinator_unreachable"));
    const { call, response } = fakeCall(it.clock);
    await it.leaves.serve(call, "r1");
    expect([response.status, runners(it)]).toEqual([503, []]);
  });
});

describe("what is kept", () => {
  const since = Date.UTC(2026, 0, 1);
  const before = [{ runner: "r1", since }];

  test("outlives the gateway, and is sent by the next one", async () => {
    const it = leaving(failed("relay_unavailable"), { kept: before });
    it.status = 404;
    await it.clock.pass(2000);
    expect([it.asked, runners(it)]).toEqual([["DELETE /runners/r1?self=true"], []]);
  });

  test("is forgotten when the runner polls", async () => {
    const it = leaving(failed("relay_unavailable"), { kept: before });
    it.leaves.heard("r2");
    expect(runners(it)).toEqual(["r1"]);
    it.leaves.heard("r1");
    await it.clock.pass(60_000);
    expect([it.asked, runners(it)]).toEqual([[], []]);
  });

  test("is sent before a runner registers, which waits for it for 5 s at the most", async () => {
    const it = leaving(failed("relay_unavailable"), { kept: before });
    it.status = 200;
    await it.leaves.beforeRegister();
    expect([it.asked, runners(it)]).toEqual([["DELETE /runners/r1?self=true"], []]);
    await it.leaves.beforeRegister();
    expect(it.asked).toHaveLength(1);
  });

  test("is given up after a day", async () => {
    const it = leaving(failed("relay_unavailable"), { kept: [{ runner: "r1", since: since - DAY - 1 }] });
    await it.clock.pass(2000);
    expect([it.asked, runners(it)]).toEqual([[], []]);
  });

  test("is bounded: the oldest gives way", async () => {
    const it = leaving(failed("relay_unavailable"));
    for (let i = 0; i < 103; i++) await it.leaves.serve(fakeCall(it.clock).call, `r${i}`);
    expect(it.stored).toHaveLength(100);
    expect(runners(it)[0]).toBe("r3");
  });

  test.each<[unknown, boolean]>([
    [{ runner: "r1", since: 1 }, true],
    [{ runner: "a/b", since: 1 }, false],
    [{ runner: "", since: 1 }, false],
    [{ runner: "r1" }, false],
    [{ runner: 7, since: 1 }, false],
    [null, false],
    ["r1", false],
  ])("an entry %j of the file counts: %s", (value, counts) => {
    expect(isKeptRemoval(value)).toBe(counts);
  });

  test.each<[number, boolean]>([
    [200, true],
    [204, true],
    [404, true],
    [405, true],
    [401, false],
    [403, false],
    [408, false],
    [429, false],
    [500, false],
    [503, false],
  ])("an answer %i ends it: %s", (status, ends) => {
    expect(isRemoved(status)).toBe(ends);
  });
});
