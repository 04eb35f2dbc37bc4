import { describe, expect, test } from "vitest";
import type { TurnOutcome } from "../../../../src/relay/lanes/turn-outcome.ts";
import { createStage, response, type Stage } from "../lanes/turn-stage.ts";
import { take } from "./take.ts";

describe("a kept connection that was closed as it was used", () => {
  const closed = { kind: "failed", cause: "closed", text: "other side closed" } as const;
  const alone = (stage: Stage): Promise<TurnOutcome> => take(stage);
  const together = async (stage: Stage): Promise<TurnOutcome | undefined> => {
    const outcome = await stage.batch(stage.lane, [stage.entry(), stage.entry()], stage.context);
    return outcome.kind === "batch" ? outcome.next : outcome;
  };

  test.each([
    ["alone", alone],
    ["in a batch", together],
  ])(
    "costs an event %s no wait and the coordinator no bad name; the next attempt has a fresh one",
    async (_, send) => {
      const stage = createStage();
      stage.answer = () => closed;
      expect(await send(stage)).toEqual({ kind: "again" });
      expect(stage.verdicts).toEqual([]);
      expect(await send(stage)).toMatchObject({ kind: "retry", counts: true }); // at which a server always hangs up
      expect(stage.verdicts).toEqual([["retry", false]]);
      expect(stage.sent.map(({ fresh }) => fresh)).toEqual([false, true]);
    },
  );

  test("only until the head is settled", async () => {
    const stage = createStage();
    stage.answer = () => closed;
    await take(stage);
    stage.lane.succeeded();
    expect(await take(stage)).toEqual({ kind: "again" });
  });
});

describe("what is sent", () => {
  test("the body byte for byte, with what makes a repeat recognizable", async () => {
    const stage = createStage();
    const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    expect(await take(stage, stage.entry({ id: "id-1", epoch: "e9", trace }))).toEqual({
      kind: "settled",
      how: "delivered",
    });
    expect(stage.sent).toEqual([
      {
        method: "POST",
        path: "/sessions/s/events",
        headers: {
          "content-type": "application/json",
          accept: "application/json",
          "idempotency-key": "id-1",
          "rr-session-seq": "e9-1",
          "rr-stream-seq": "1700-1",
          traceparent: trace,
          authorization: "Bearer t1",
        },
        body: Buffer.from('{"n":1}'),
        fresh: false,
      },
    ]);
  });

  test("CRED-1: nothing without a credential; everything waits, and the event is not harmed", async () => {
    const stage = createStage();
    stage.credential = {
      kind: "unavailable",
      code: "token_unavailable",
      reason: "no issuer",
      retryAfterMs: 1,
    };
    expect(await take(stage)).toEqual({ kind: "again" });
    expect(stage.sent).toEqual([]);
    expect(stage.pauses).toEqual(["token_unavailable"]);
  });

  test("ORDER-1: nothing without the lease, also when that ended while a token was fetched", async () => {
    const stage = createStage();
    stage.mayForward = false;
    expect(await take(stage)).toEqual({ kind: "fenced" });
    stage.mayForward = true;
    stage.meanwhile = () => (stage.mayForward = false);
    expect(await take(stage)).toEqual({ kind: "fenced" });
    expect(await stage.batch(stage.lane, [stage.entry(), stage.entry()], stage.context)).toMatchObject({
      next: { kind: "fenced" },
    });
    expect(stage.sent).toEqual([]);
  });

  test("nothing is sent any more when an operator paused while a token was fetched", async () => {
    const stage = createStage();
    stage.meanwhile = () => (stage.paused = true);
    expect(await take(stage)).toEqual({ kind: "again" });
    expect(await stage.batch(stage.lane, [stage.entry(), stage.entry()], stage.context)).toMatchObject({
      next: { kind: "again" },
    });
    expect(stage.sent).toEqual([]);
  });

  test("the gate hears of the verdict, and of a probe", async () => {
    const stage = createStage();
    await take(stage, stage.entry(), true);
    stage.answer = () => response(503);
    await take(stage);
    expect(stage.verdicts).toEqual([
      ["delivered", true],
      ["retry", false],
    ]);
  });
});

describe("executors that wait", () => {
  test("get the coordinator's answer, unless they were answered before", async () => {
    const stage = createStage();
    await take(stage);
    await take(stage, stage.entry({}, { waiting: false }));
    expect(stage.handed).toEqual(["to.1 answer"]);
  });

  test("get no answer to an attempt that is repeated", async () => {
    const stage = createStage();
    stage.answer = () => response(500);
    await take(stage);
    expect(stage.handed).toEqual([]);
  });

  test.each([true, false])("get a refusal; the dead letter says whether they saw it: %s", async (seen) => {
    const stage = createStage();
    stage.seen = seen;
    stage.answer = () => response(422, { detail: "no" });
    expect(await take(stage)).toEqual({ kind: "settled", how: "dead" });
    expect(stage.handed).toEqual(["to.1 refusal"]);
    expect(stage.letters).toMatchObject([
      { id: "e1", seq: 1, death: { reason: "no", status: 422, attempts: 1, answered: seen } },
    ]);
  });
});
