import { describe, expect, it } from "vitest";
import { createGate, type Gate } from "../../../../src/relay/coordinator/gate.ts";
import type { Health } from "../../../../src/relay/coordinator/health.ts";
import { RefusedTokens } from "../../../../src/relay/coordinator/refused-tokens.ts";
import type { Verdict } from "../../../../src/relay/coordinator/verdict.ts";
import { silentLogger } from "../../../../src/shared/base/logger.ts";
import { createFakeClock, type FakeClock } from "../../../support/fake-clock.ts";

const REDIRECTED: Verdict = { kind: "pause", reason: "redirected", text: "302 to nowhere" };

/** A gate whose probes are taken and never answered; `asked` counts the questions after health. */
function setUp(first: Health = { kind: "well" }): {
  gate: Gate;
  clock: FakeClock;
  health: (next: Health) => void;
  asked: () => number;
} {
  const clock = createFakeClock();
  let answer = first;
  let asked = 0;
  const gate = createGate({
    clock,
    random: () => 1,
    log: silentLogger(),
    health: () => {
      asked++;
      return Promise.resolve(answer);
    },
    offer: () => {
      gate.takeProbe();
      return true;
    },
    changed: () => {},
  });
  gate.start();
  return { gate, clock, health: (next) => (answer = next), asked: () => asked };
}

describe("pauses", () => {
  it("many attempts that come back with the same news do not put the first probe off", async () => {
    const { gate, clock, asked } = setUp();
    await clock.pass(0);
    expect(gate.state().phase).toBe("up");
    for (let i = 0; i < 30; i++) gate.verdict(`s${i}`, REDIRECTED, false);
    await clock.pass(4999);
    expect(asked()).toBe(1);
    await clock.pass(1);
    expect(asked()).toBe(2);
  });

  it("refused probes come after 5, 7.5, 11.25 … s, never more than 30 s apart", async () => {
    const { gate, clock, asked } = setUp();
    await clock.pass(0);
    gate.verdict("s", REDIRECTED, false);
    const at: number[] = [];
    const start = clock.now();
    while (at.length < 7) {
      const before = asked();
      await clock.pass(50);
      if (asked() === before) continue;
      at.push(clock.now() - start);
      gate.verdict("s", REDIRECTED, true);
    }
    const gaps = at.map((time, i) => time - (at[i - 1] ?? 0));
    expect(gaps.map((gap) => Math.round(gap / 1000))).toEqual([5, 8, 11, 17, 25, 30, 30]);
  });

  it("CRED-1: no credential is a pause that ends with the first health that could be asked", async () => {
    const { gate, clock, health } = setUp({ kind: "no_credential", text: "the issuer is down" });
    await clock.pass(0);
    expect(gate.state()).toMatchObject({
      phase: "paused",
      reason: "token_unavailable",
      text: "the issuer is down",
    });
    await clock.pass(60_000);
    expect(gate.permit()).toBe("none");
    health({ kind: "well" });
    await clock.pass(30_000);
    expect(gate.state()).toEqual({ phase: "up" });
  });
});

describe("refused credentials", () => {
  it("one session alone is its own matter", () => {
    const refused = new RefusedTokens();
    expect(refused.refused(0, "a")).toBe(false);
    expect(refused.refused(100_000, "a")).toBe(false);
  });

  it("a second one makes it a pause of everything, unless an event was accepted lately", () => {
    const refused = new RefusedTokens();
    refused.refused(0, "a");
    expect(refused.refused(1, "b")).toBe(true);
    refused.accepted(1000);
    refused.refused(2000, "a");
    expect(refused.refused(31_000, "b")).toBe(false);
    expect(refused.refused(31_001, "b")).toBe(true);
  });
});
