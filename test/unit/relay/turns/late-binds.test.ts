import { describe, expect, test } from "vitest";
import { createStage, response, type Stage } from "../lanes/turn-stage.ts";
import { take } from "./take.ts";

describe("a bind that comes late", () => {
  const late = (answers: Record<string, unknown>): Stage => {
    const stage = createStage();
    stage.answer = ({ method, path }) =>
      method === "POST" ? response(200) : path in answers ? response(200, answers[path]) : response(500, "");
    return stage;
  };
  const old = { kind: "bind", at: 0 } as const;

  test("is not asked about when it is fresh", async () => {
    const stage = late({});
    await take(stage, stage.entry({ kind: "bind" }));
    expect(stage.sent.map(({ path }) => path)).toEqual(["/sessions/s/bind"]);
  });

  test("is superseded when its session is over, and that is recorded before it is settled", async () => {
    const stage = late({ "/sessions/s/status": { status: "finished" }, "/runs": { runs: [] } });
    expect(await take(stage, stage.entry(old))).toEqual({ kind: "settled", how: "superseded" });
    expect(stage.superseded).toMatchObject([["e1", expect.stringContaining("finished")]]);
    expect(stage.sent.map(({ method }) => method)).toEqual(["GET", "GET"]);
  });

  test("is sent when its session continues", async () => {
    const stage = late({ "/sessions/s/status": { status: "running" } });
    expect(await take(stage, stage.entry(old))).toEqual({ kind: "settled", how: "delivered" });
  });

  test("waits when that cannot be found out", async () => {
    const stage = late({});
    expect(await take(stage, stage.entry(old))).toMatchObject({ kind: "retry" });
    expect(stage.sent.map(({ method }) => method)).toEqual(["GET"]);
  });

  test("is not sent when its session was paused while it was asked about", async () => {
    const stage = late({ "/sessions/s/status": { status: "running" } });
    const answer = stage.answer;
    stage.answer = (request) => {
      stage.paused = true;
      return answer(request);
    };
    expect(await take(stage, stage.entry(old))).toEqual({ kind: "again" });
  });

  test("ORDER-1: is not sent when the lease ended while it was asked about", async () => {
    const stage = late({ "/sessions/s/status": { status: "running" } });
    const answer = stage.answer;
    stage.answer = (request) => {
      stage.mayForward = false;
      return answer(request);
    };
    expect(await take(stage, stage.entry(old))).toEqual({ kind: "fenced" });
  });
});
