import { describe, expect, test } from "vitest";
import { healthOf } from "../../../../src/relay/coordinator/health.ts";
import type { AttemptResult } from "../../../../src/relay/coordinator/verdict.ts";
import { answer, REFUSED } from "./samples.ts";

describe("GET /health", () => {
  test.each<[string, AttemptResult, ReturnType<typeof healthOf>["kind"]]>([
    ["200 with JSON", answer(200, { status: "ok" }), "well"],
    ["404 in JSON: not every coordinator has it", answer(404, { detail: "Not Found" }), "unknown"],
    ["401 in JSON", answer(401, { detail: "no" }), "unknown"],
    ["a web page", answer(200, "<html>"), "wrong_address"],
    ["a web page's 404", answer(404, "<html>"), "wrong_address"],
    ["nothing", answer(204, ""), "wrong_address"],
    ["a redirect", answer(302, ""), "wrong_address"],
    ["407 of a proxy, in JSON", answer(407, { error: "login" }), "wrong_address"],
    ["500", answer(500, { detail: "no" }), "away"],
    ["503 of an ingress", answer(503, "<html>"), "away"],
    ["429", answer(429, ""), "away"],
    ["broken off", answer(200, '{"st', true), "away"],
    ["nobody", REFUSED, "away"],
  ])("%s", (_, result, kind) => {
    expect(healthOf(result).kind).toBe(kind);
  });

  test("knows whether there was a connection at all", () => {
    expect(healthOf(REFUSED)).toMatchObject({ connection: true });
    expect(healthOf({ kind: "failed", cause: "timeout", text: "" })).toMatchObject({ connection: false });
    expect(healthOf(answer(503, ""))).toMatchObject({ connection: false });
  });
});
