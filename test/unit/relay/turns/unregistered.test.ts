import { describe, expect, test } from "vitest";
import type { PoisonPolicy } from "../../../../src/relay/turns/burial.ts";
import { createStage, response, type Stage } from "../lanes/turn-stage.ts";
import { type StageEntry, take } from "./take.ts";

describe("a report whose runner the coordinator does not know", () => {
  const run = { id: "r", report: "stopped" };
  function unknown(policy?: PoisonPolicy): { stage: Stage; entry: StageEntry } {
    const stage = createStage(policy);
    stage.answer = () => response(401, { detail: "Runner not registered" });
    return { stage, entry: stage.entry({ kind: "run", run }) };
  }

  test("waits exactly as long as asked, and pauses nothing", async () => {
    const { stage, entry } = unknown();
    expect(await take(stage, entry)).toEqual({
      kind: "retry",
      reason: "not yet",
      afterMs: 2000,
      counts: false,
    });
    expect(stage.pauses).toEqual([]);
    expect(stage.reports).toEqual([{ session: "s", body: entry.envelope?.body, forMs: 0, tried: false }]);
  });

  test("is sent again at once when its runner is known again; the next question shows that, and the coordinator's time", async () => {
    const { stage, entry } = unknown();
    stage.home = { kind: "again" };
    stage.upMs = 1000;
    expect(await take(stage, entry)).toEqual({ kind: "again" });
    stage.upMs = 4500;
    await take(stage, entry);
    expect(stage.reports.map(({ forMs, tried }) => [forMs, tried])).toEqual([
      [0, false],
      [3500, true],
    ]);
    stage.answer = () => response(503);
    await take(stage, entry);
    stage.answer = () => response(401, { detail: "Runner not registered" });
    await take(stage, entry);
    expect(stage.reports.at(-1), "the coordinator may have forgotten it once more").toMatchObject({
      tried: false,
    });
  });

  test.each(["skip", "park", "stop"] as const)(
    "SETTLE-1: becomes a dead letter with the reason, and its session goes on, with the policy %s too",
    async (policy) => {
      const { stage, entry } = unknown(policy);
      stage.home = { kind: "dead", reason: "runner x is gone" };
      expect(await take(stage, entry)).toEqual({ kind: "settled", how: "dead" });
      expect(stage.letters).toMatchObject([
        { death: { reason: "runner x is gone", status: 401, decided: true } },
      ]);
    },
  );
});
