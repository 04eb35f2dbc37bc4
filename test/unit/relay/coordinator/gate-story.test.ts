import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { PauseReason, Verdict } from "../../../../src/relay/coordinator/verdict.ts";
import {
  WELL,
  AWAY,
  DELIVERED,
  DEAD,
  FAILED,
  REFUSED,
  YIELDED,
  REDIRECTED,
  type Answer,
  type Stage,
  start,
  report,
} from "./gate-stage.ts";

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

  test("one permit per probe; a second request gets none", async () => {
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
