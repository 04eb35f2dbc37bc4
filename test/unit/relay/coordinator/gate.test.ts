import { describe, expect, test } from "vitest";
import { createGate } from "../../../../src/relay/coordinator/gate.ts";
import type { PauseReason } from "../../../../src/relay/coordinator/verdict.ts";
import { silentLogger } from "../../../../src/shared/base/logger.ts";
import { createFakeClock } from "../../../support/fake-clock.ts";
import {
  WELL,
  AWAY,
  DELIVERED,
  DEAD,
  FAILED,
  REFUSED,
  REDIRECTED,
  type Answer,
  start,
  reason,
  report,
} from "./gate-stage.ts";

describe("before the first send", () => {
  test.each<[Answer, string]>([
    [WELL, "up"],
    [{ kind: "unknown" }, "up"],
    [AWAY, "away"],
    ["rejects", "away"],
    [{ kind: "wrong_address", text: "a web page" }, "paused"],
    [{ kind: "no_credential", text: "no issuer" }, "paused"],
  ])("health %j: %s", async (health, phase) => {
    const { gate, phases } = await start(health);
    expect(gate.state().phase).toBe(phase);
    expect(phases).toEqual([phase]);
  });
});

describe("refusals by the half", () => {
  test("SETTLE-1: pause before the dead letters swallow the log; the one that tips it is not buried", async () => {
    const stage = await start();
    const carriedOut = report(stage.gate, DEAD, 20);
    expect(carriedOut.lastIndexOf(true)).toBe(18);
    expect(reason(stage.gate)).toBe("mass_refusal");
    expect(report(stage.gate, DEAD, 5)).toEqual([false, false, false, false, false]); // what was in flight
    stage.waiting = DEAD;
    await stage.clock.pass(13_000);
    expect(reason(stage.gate)).toBe("mass_refusal");
    expect(stage.probes).toBe(2);
    stage.waiting = DELIVERED;
    await stage.clock.pass(12_000);
    expect(stage.gate.state().phase).toBe("up");
    expect(report(stage.gate, DEAD, 1)).toEqual([true]);
  });

  test("an answer that judged no event is neither a refusal nor a delivery, and shows that the coordinator is well", async () => {
    const stage = await start();
    for (let i = 0; i < 100; i++) stage.gate.answered(`s${i % 10}`);
    expect(stage.gate.permit()).toBe("all");
    expect(report(stage.gate, DEAD, 20).lastIndexOf(true)).toBe(18); // as without them
    const other = await start();
    for (let i = 0; i < 30; i++) {
      other.gate.verdict(`s${i % 10}`, FAILED, false);
      other.gate.answered(`s${i % 10}`);
    }
    expect(other.gate.permit()).toBe("all");
  });

  test("not when most are accepted", async () => {
    const stage = await start();
    report(stage.gate, DELIVERED, 30);
    expect(report(stage.gate, DEAD, 30)).not.toContain(false);
    expect(stage.gate.permit()).toBe("all");
  });
});

describe("pauses that an operator has to end", () => {
  test.each<PauseReason>(["paused_by_operator", "poison_stop"])(
    "%s: no probe and no other news ends it or takes its place",
    async (held) => {
      const stage = await start();
      stage.gate.pause(held, "somebody said so");
      stage.waiting = DELIVERED;
      await stage.clock.pass(10 * 60_000);
      stage.gate.verdict("a", REDIRECTED, false);
      stage.gate.verdict("a", DELIVERED, true); // a probe that was under way before
      stage.gate.verdict("a", REDIRECTED, true);
      stage.gate.pause("token_unavailable", "no issuer");
      report(stage.gate, REFUSED, 5);
      report(stage.gate, DEAD, 50);
      await stage.clock.pass(10 * 60_000);
      expect(reason(stage.gate)).toBe(held);
      expect(stage.probes).toBe(0);
      stage.gate.resume("unauthorized");
      expect(reason(stage.gate)).toBe(held);
      stage.gate.resume(held);
      expect(stage.gate.permit()).toBe("none"); // the coordinator is asked first
      await stage.clock.pass(0);
      expect(stage.gate.permit()).toBe("all");
    },
  );

  test("before the start, a pause holds through it; an outage is found when it is over", async () => {
    const clock = createFakeClock();
    let asked = 0;
    const gate = createGate({
      clock,
      random: () => 1,
      log: silentLogger(),
      health: () => Promise.resolve(asked++ === 0 ? AWAY : WELL),
      offer: () => false,
      changed: () => {},
    });
    gate.pause("paused_by_operator", "");
    gate.start();
    await clock.pass(60_000);
    expect({ permit: gate.permit(), asked }).toEqual({ permit: "none", asked: 0 });
    gate.resume("paused_by_operator");
    await clock.pass(0);
    expect(gate.state().phase).toBe("away");
    await clock.pass(1000);
    expect(gate.state().phase).toBe("up");
  });

  test("a pause that comes while the coordinator is being asked is not ended by its answer", async () => {
    const stage = await start(AWAY);
    stage.health = WELL;
    stage.waiting = DELIVERED;
    stage.gate.pause("paused_by_operator", "");
    await stage.clock.pass(60_000);
    expect(reason(stage.gate)).toBe("paused_by_operator");
    expect(stage.probes).toBe(0);
  });
});

describe("after a stop", () => {
  test("nothing is asked any more", async () => {
    const stage = await start(AWAY);
    stage.gate.stop();
    stage.health = WELL;
    await stage.clock.pass(60_000);
    expect(stage.gate.state().phase).toBe("away");
    expect(stage.clock.pending()).toBe(0);
  });

  test("attempts that it ends say nothing of the coordinator", async () => {
    const stage = await start(WELL);
    stage.gate.stop();
    for (let i = 0; i < 30; i++) stage.gate.verdict(`s${i}`, i % 2 === 0 ? FAILED : REFUSED, false);
    expect(stage.gate.state().phase).toBe("up");
    expect(stage.clock.pending()).toBe(0);
  });
});
