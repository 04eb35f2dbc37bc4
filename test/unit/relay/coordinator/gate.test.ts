import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createGate, type Gate } from "../../../../src/relay/coordinator/gate.ts";
import type { Health } from "../../../../src/relay/coordinator/health.ts";
import type { PauseReason, Verdict } from "../../../../src/relay/coordinator/verdict.ts";
import { silentLogger } from "../../../../src/shared/base/logger.ts";
import { createFakeClock, type FakeClock } from "../../../support/fake-clock.ts";

const WELL: Health = { kind: "well" };
const AWAY: Health = { kind: "away", text: "ECONNREFUSED", connection: true };
const HANGS: Health = { kind: "away", text: "timeout", connection: false };
const DELIVERED: Verdict = { kind: "delivered" };
const DEAD: Verdict = { kind: "dead", status: 422, reason: "no" };
const FAILED: Verdict = { kind: "retry", reason: "503", connection: false, failure: true };
const REFUSED: Verdict = { kind: "retry", reason: "connect", connection: true, failure: true };
const YIELDED: Verdict = { kind: "retry", reason: "yielded", connection: false, failure: false };
const REDIRECTED: Verdict = { kind: "pause", reason: "redirected", text: "302" };

/** What `GET /health` finds. */
type Answer = Health | "rejects";

type Stage = {
  clock: FakeClock;
  gate: Gate;
  health: Answer;
  /** What a probe's event comes to at once; nothing waits if undefined, no answer if "silence". */
  waiting: Verdict | "silence" | undefined;
  phases: string[];
  probes: number;
};

async function start(health: Answer = WELL): Promise<Stage> {
  const clock = createFakeClock();
  const stage: Stage = {
    clock,
    health,
    waiting: undefined,
    phases: [],
    probes: 0,
    gate: undefined as unknown as Gate,
  };
  stage.gate = createGate({
    clock,
    random: () => 1,
    log: silentLogger(),
    health: () =>
      stage.health === "rejects" ? Promise.reject(new Error("closed")) : Promise.resolve(stage.health),
    offer() {
      const { waiting } = stage;
      if (waiting === undefined || stage.gate.permit() !== "one") return false;
      stage.gate.takeProbe();
      stage.probes++;
      if (waiting !== "silence") void Promise.resolve().then(() => stage.gate.verdict("p", waiting, true));
      return true;
    },
    changed: () => stage.phases.push(stage.gate.state().phase),
  });
  stage.gate.start();
  await clock.pass(0);
  return stage;
}

function reason(gate: Gate): PauseReason | undefined {
  const state = gate.state();
  return state.phase === "paused" ? state.reason : undefined;
}

/** Verdicts of many sessions, as lanes report them. */
function report(gate: Gate, verdict: Verdict, times: number, sessions = 10): boolean[] {
  return Array.from({ length: times }, (_, i) => gate.verdict(`s${i % sessions}`, verdict, false));
}

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

  test("nobody is probed while health is away", async () => {
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

describe("pauses that somebody has to end", () => {
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

describe("any story", () => {
  type Step =
    | { do: "verdict"; verdict: Verdict; times: number; sessions: number }
    | { do: "probe"; verdict: Verdict }
    | { do: "pause"; reason: PauseReason }
    | { do: "health"; health: Answer }
    | { do: "waiting"; waiting: Verdict | "silence" | undefined }
    | { do: "pass"; ms: number };
  const verdict = fc.constantFrom<Verdict>(
    DELIVERED,
    DEAD,
    FAILED,
    REFUSED,
    YIELDED,
    REDIRECTED,
    { kind: "unauthorized", status: 401 },
    { kind: "unregistered" },
    { kind: "pause", reason: "route_unknown", text: "405" },
  );
  const health = fc.constantFrom<Answer>(
    WELL,
    AWAY,
    "rejects",
    { kind: "unknown" },
    { kind: "wrong_address", text: "" },
    { kind: "no_credential", text: "" },
  );
  const step: fc.Arbitrary<Step> = fc.oneof(
    fc.record({
      do: fc.constant("verdict" as const),
      verdict,
      times: fc.constantFrom(1, 3, 30),
      sessions: fc.constantFrom(1, 10),
    }),
    fc.record({ do: fc.constant("probe" as const), verdict }),
    fc.record({
      do: fc.constant("pause" as const),
      reason: fc.constantFrom<PauseReason>("token_unavailable", "unauthorized", "wrong_address"),
    }),
    fc.record({ do: fc.constant("health" as const), health }),
    fc.record({
      do: fc.constant("waiting" as const),
      waiting: fc.oneof(verdict, fc.constantFrom("silence" as const, undefined)),
    }),
    fc.record({ do: fc.constant("pass" as const), ms: fc.constantFrom(1, 50, 700, 5000, 40_000) }),
  );

  async function play(stage: Stage, it: Step): Promise<void> {
    switch (it.do) {
      case "verdict":
        return void report(stage.gate, it.verdict, it.times, it.sessions);
      case "probe":
        return void stage.gate.verdict("late", it.verdict, true);
      case "pause":
        return stage.gate.pause(it.reason, "why");
      case "health":
        return void (stage.health = it.health);
      case "waiting":
        return void (stage.waiting = it.waiting);
      case "pass":
        return stage.clock.pass(it.ms);
    }
  }

  test("ends well: when the coordinator is well again, the gate is open within a probe's time", async () => {
    await fc.assert(
      fc.asyncProperty(health, fc.array(step, { maxLength: 40 }), async (first, steps) => {
        const stage = await start(first);
        for (const it of steps) await play(stage, it);
        stage.health = WELL;
        stage.waiting = DELIVERED;
        await stage.clock.pass(65_000); // a probe that was taken just before, then the next
        expect(stage.gate.state().phase).toBe("up");
        expect(stage.clock.pending()).toBeLessThanOrEqual(1);
      }),
      { numRuns: 300 },
    );
  });

  test("one permit a probe: whoever asks again gets none", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const stage = await start();
        for (const it of steps) {
          await play(stage, it);
          if (stage.gate.permit() !== "one") continue;
          stage.gate.takeProbe();
          expect(stage.gate.permit()).toBe("none");
        }
      }),
      { numRuns: 100 },
    );
  });
});
