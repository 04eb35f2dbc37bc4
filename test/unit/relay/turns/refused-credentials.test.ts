import { describe, expect, test } from "vitest";
import { createStage, response, type Stage } from "../lanes/turn-stage.ts";
import { take } from "./take.ts";

describe("refused credentials", () => {
  const refused = (): Stage => {
    const stage = createStage();
    stage.answer = ({ method }) =>
      method === "GET" ? response(200, { status: "not_existent" }) : response(401, { detail: "expired" });
    return stage;
  };

  test("a fresh token is tried once, at once", async () => {
    const stage = refused();
    stage.fresh = { kind: "ready", headers: { authorization: "Bearer t2" }, generation: 2 };
    expect(await take(stage)).toEqual({ kind: "again" });
    expect(stage.sent).toHaveLength(1);
  });

  test("ISOLATE-1: with a token that others may use, this lane alone waits, and never dies of it", async () => {
    const stage = refused();
    expect(await take(stage)).toMatchObject({ kind: "retry", counts: false });
    expect(stage.pauses).toEqual([]);
  });

  test("everybody waits when the harmless question is refused as well", async () => {
    const stage = refused();
    stage.answer = () => response(403, { detail: "no" });
    expect(await take(stage)).toEqual({ kind: "again" });
    expect(stage.pauses).toEqual(["unauthorized"]);
  });

  test("everybody waits when no fresh token can be had", async () => {
    const stage = refused();
    stage.fresh = { kind: "unavailable", code: "token_unavailable", reason: "no issuer", retryAfterMs: 1 };
    expect(await take(stage)).toEqual({ kind: "again" });
    expect(stage.pauses).toEqual(["token_unavailable"]);
  });
});
