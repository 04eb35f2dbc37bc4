import { expect, test } from "vitest";
import { answerOf } from "../../../../src/mcp/orchestrator/answer.ts";

const problem = (code: string): string => JSON.stringify({ code, detail: "why" });

test.each([
  ["a result", 200, '{"a":1}', { kind: "ok", body: { a: 1 } }],
  ["nothing", 204, "", { kind: "ok", body: undefined }],
  ["a web page of a proxy", 200, "<html>", { kind: "away", carriedOut: "unknown" }],
  [
    "the coordinator's refusal",
    404,
    '{"detail":"Session not found"}',
    { kind: "refused", status: 404, text: "404: Session not found" },
  ],
  [
    "validation errors, which are a list",
    422,
    '{"detail":[{"msg":"x"}]}',
    { kind: "refused", text: '422: [{"msg":"x"}]' },
  ],
  ["a crash of the coordinator", 500, "oops", { kind: "refused", status: 500, text: "500: oops" }],
  ["no relay", 503, problem("relay_unavailable"), { kind: "away", carriedOut: "no", text: "503: why" }],
  ["too much under way", 503, problem("tunnel_busy"), { kind: "away", carriedOut: "no" }],
  ["a relay that died", 502, problem("relay_lost"), { kind: "away", carriedOut: "unknown" }],
  [
    "a coordinator that is away",
    502,
    problem("coordinator_unreachable"),
    { kind: "away", carriedOut: "unknown" },
  ],
  ["a proxy's word", 503, "busy", { kind: "away", carriedOut: "unknown" }],
  ["a limit", 429, "", { kind: "away", carriedOut: "no" }],
])("%s", (_, status, body, expected) => {
  expect(answerOf(status, body)).toMatchObject(expected);
});

test("a long text is cut", () => {
  const answer = answerOf(400, "x".repeat(100_000));
  expect(answer.kind === "refused" && answer.text.length).toBe(2005);
});
