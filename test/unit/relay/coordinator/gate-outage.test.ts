import { describe, expect, test } from "vitest";
import type { Health } from "../../../../src/relay/coordinator/health.ts";
import type { Verdict } from "../../../../src/relay/coordinator/verdict.ts";
import {
  WELL,
  AWAY,
  DELIVERED,
  DEAD,
  FAILED,
  REFUSED,
  YIELDED,
  type Answer,
  start,
  report,
} from "./gate-stage.ts";

const HANGS: Health = { kind: "away", text: "timeout", connection: false };

describe("an outage", () => {
  test("closes the gate at the third refused connection, and one refused is enough to ask until it is clear", async () => {
    const stage = await start();
    stage.health = AWAY;
    stage.gate.verdict("a", REFUSED, false);
    expect(stage.gate.permit()).toBe("all");
    await stage.clock.pass(49);
    expect(stage.gate.permit()).toBe("all");
    await stage.clock.pass(51);
    expect(stage.gate.state().phase).toBe("away");
    expect(stage.gate.permit()).toBe("none");
  });

  test("a refused connection that was a hiccup closes nothing", async () => {
    const stage = await start();
    stage.gate.verdict("a", REFUSED, false);
    await stage.clock.pass(60_000);
    expect(stage.phases).toEqual(["up"]);
  });

  test.each<[string, Answer, string[]]>([
    ["is well: nothing follows", WELL, ["up"]],
    ["is no coordinator's", { kind: "wrong_address", text: "a page" }, ["up", "paused"]],
    ["is away", { kind: "away", text: "status 502", connection: false }, ["up", "away"]],
    ["has not this route", { kind: "unknown" }, ["up"]],
  ])(
    "one session's answer that is no JSON is enough to ask; an address that %s",
    async (_, health, phases) => {
      const stage = await start();
      stage.health = health;
      for (let i = 0; i < 3; i++) stage.gate.verdict("a", { ...FAILED, foreign: true }, false);
      await stage.clock.pass(100);
      expect(stage.phases).toEqual(phases);
    },
  );

  test.each<[string, Answer, string[]]>([
    [
      "a coordinator that hangs is away at the first attempt without an answer, though one session opens no breaker",
      HANGS,
      ["up", "away"],
    ],
    ["ISOLATE-1: a session that hangs while the coordinator answers closes nothing", WELL, ["up"]],
  ])("%s", async (_, health, phases) => {
    const stage = await start();
    stage.health = health;
    stage.gate.verdict("a", { ...FAILED, silent: true }, false);
    await stage.clock.pass(100);
    expect(stage.phases).toEqual(phases);
  });

  test("in doubt the address is asked once at a time, and not while it is known to be away", async () => {
    const stage = await start();
    stage.health = AWAY;
    for (let i = 0; i < 3; i++) stage.gate.doubt();
    await stage.clock.pass(0);
    expect(stage.phases).toEqual(["up", "away"]);
    stage.gate.doubt();
    await stage.clock.pass(100);
    expect(stage.phases).toEqual(["up", "away"]);
  });

  test("ISOLATE-1: one failing session closes nothing", async () => {
    const stage = await start();
    report(stage.gate, FAILED, 200, 1);
    expect(stage.gate.permit()).toBe("all");
  });

  test("is over when health answers and nothing waits", async () => {
    const stage = await start(AWAY);
    await stage.clock.pass(5000);
    stage.health = WELL;
    await stage.clock.pass(2000);
    expect(stage.gate.state().phase).toBe("up");
  });

  test("with events waiting, health alone is not believed: a probe has to come through", async () => {
    const stage = await start(AWAY);
    stage.health = WELL;
    stage.waiting = FAILED;
    await stage.clock.pass(30_000);
    expect(stage.gate.state().phase).toBe("away");
    expect(stage.probes).toBeGreaterThan(10);
    stage.waiting = DELIVERED;
    await stage.clock.pass(2000);
    expect(stage.gate.state().phase).toBe("up");
  });

  test("no lane is used as a probe while health is away", async () => {
    const stage = await start(AWAY);
    stage.waiting = DELIVERED;
    await stage.clock.pass(30_000);
    expect(stage.probes).toBe(0);
  });

  test("a probe without an answer is followed by the next", async () => {
    const stage = await start(AWAY);
    stage.health = WELL;
    stage.waiting = "silence";
    await stage.clock.pass(10_000);
    expect(stage.probes).toBeGreaterThan(3);
    expect(stage.gate.permit()).toBe("none");
  });

  test.each<[string, Verdict]>([
    ["refused for good", DEAD],
    ["asked for patience", YIELDED],
    ["a lost runner", { kind: "unregistered" }],
  ])("a probe that is %s shows a coordinator that is there", async (_, verdict) => {
    const stage = await start(AWAY);
    stage.health = WELL;
    stage.waiting = verdict;
    await stage.clock.pass(2000);
    expect(stage.gate.state().phase).toBe("up");
  });

  test("a health question that cannot be asked is not the last one", async () => {
    const stage = await start("rejects");
    await stage.clock.pass(10_000);
    expect(stage.gate.state().phase).toBe("away");
    stage.health = WELL;
    await stage.clock.pass(2000);
    expect(stage.gate.state().phase).toBe("up");
    stage.health = "rejects";
    stage.gate.verdict("a", REFUSED, false);
    await stage.clock.pass(1000);
    stage.health = AWAY;
    stage.gate.verdict("a", REFUSED, false);
    await stage.clock.pass(200);
    expect(stage.gate.state().phase).toBe("away");
  });
});
