import { describe, expect, test } from "vitest";
import { createStage, response, type Stage } from "../lanes/turn-stage.ts";
import { take } from "./take.ts";

describe("SETTLE-1: a poison event", () => {
  const poison = (): Stage => {
    const stage = createStage();
    stage.answer = () => response(422, { detail: "no" });
    return stage;
  };

  test("is settled only when its letter is stored; until then its verdict stands, and it is not sent again", async () => {
    const stage = poison();
    stage.lettersRefused = true;
    const entry = stage.entry();
    expect(await take(stage, entry)).toMatchObject({ kind: "retry", counts: false });
    expect(stage.sent).toHaveLength(1);
    stage.lettersRefused = false;
    expect(await take(stage, entry)).toEqual({ kind: "settled", how: "dead" });
    expect(stage.sent).toHaveLength(1);
    expect(stage.letters).toHaveLength(1);
    expect(stage.letters[0]?.death).toMatchObject({ status: 422, answered: true });
  });

  test("is not buried when refusals became the rule", async () => {
    const stage = poison();
    stage.carryOut = false;
    expect(await take(stage)).toEqual({ kind: "again" });
    expect(stage.letters).toEqual([]);
    expect(stage.handed).toEqual([]);
  });

  test("parks its session, or stops the relay, by policy", async () => {
    for (const [policy, outcome] of [
      ["park", { kind: "park", reason: "status 422: no" }],
      ["stop", { kind: "again" }],
    ] as const) {
      const stage = createStage(policy);
      stage.answer = () => response(422, { detail: "no" });
      const entry = stage.entry();
      expect(await take(stage, entry)).toEqual(outcome);
      expect(entry.refused, "for the dead letter, if an operator skips it").toEqual({
        status: 422,
        attempts: 1,
        answered: true,
      });
      expect(stage.letters).toEqual([]);
      expect(stage.pauses).toEqual(policy === "stop" ? ["poison_stop"] : []);
    }
  });

  test("an exhausted event that stopped the relay is tried again after a resume; one that cannot be read is not", async () => {
    for (const [death, sent] of [
      [{ reason: "exhausted after 4 attempts: 503", attempts: 4 }, 1],
      [{ reason: "envelope_invalid", attempts: 0 }, 0],
    ] as const) {
      const stage = createStage("stop");
      const entry = stage.entry({}, { death });
      expect(await take(stage, entry)).toEqual({ kind: "again" });
      expect([stage.sent.length, stage.pauses]).toEqual([0, ["poison_stop"]]);
      await take(stage, entry); // somebody resumed
      expect(stage.sent).toHaveLength(sent);
    }
  });

  test("that cannot be read or is exhausted is buried without being sent, whatever the coordinator does", async () => {
    const stage = createStage();
    const death = { reason: "envelope_invalid", attempts: 0 };
    expect(await take(stage, stage.entry({}, { death }))).toEqual({ kind: "settled", how: "dead" });
    expect(stage.sent).toEqual([]);
    expect(stage.letters).toMatchObject([{ death }]);
  });
});
