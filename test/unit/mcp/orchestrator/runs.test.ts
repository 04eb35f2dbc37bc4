import { describe, expect, test } from "vitest";
import type { Answer } from "../../../../src/mcp/orchestrator/answer.ts";
import type { Ask, Question } from "../../../../src/mcp/orchestrator/ask.ts";
import {
  bodyOf,
  MOST_PARAMETERS,
  MOST_RESULT,
  startRun,
  type Wanted,
} from "../../../../src/mcp/orchestrator/runs.ts";
import type { Call } from "../../../../src/mcp/tool.ts";
import { createFakeClock } from "../../../support/fake-clock.ts";

const WANTED: Wanted = { type: "start_session", parameters: { prompt: "p" }, mode: "sync" };
const ok = (body: unknown): Answer => ({ kind: "ok", body });
const MADE = ok({ run_id: "run_1", session_id: "ses_1", status: "pending" });

function callOf(demands: Record<string, unknown> = {}, sessionId?: string): Call & { said: string[] } {
  const said: string[] = [];
  return {
    caller: { sessionId, tags: undefined, demands },
    signal: new AbortController().signal,
    progress: ({ text }) => void said.push(text),
    said,
  };
}

/** Answers the questions in order; the last answer stands for all that follow. */
function scripted(...answers: Answer[]): { ask: Ask; asked: Question[] } {
  const asked: Question[] = [];
  return {
    asked,
    ask: (question) => {
      asked.push(question);
      return Promise.resolve(answers[Math.min(asked.length, answers.length) - 1] as Answer);
    },
  };
}

async function outcomeOf(answers: Answer[], wanted: Wanted = WANTED, call = callOf()) {
  const clock = createFakeClock();
  const { ask, asked } = scripted(...answers);
  const running = startRun({ ask, clock, timeoutMs: 600_000 }, wanted, call);
  await clock.pass(600_000);
  return { outcome: await running, asked, said: call.said };
}

describe("the request for a run", () => {
  test("has what the caller's headers say, and nothing that is empty", () => {
    const demands = { executor_type: "procedural", executor_profile: "best" };
    expect(bodyOf({ ...WANTED, agent_name: "echo" }, callOf(demands, "ses_0"))).toEqual({
      type: "start_session",
      parameters: { prompt: "p" },
      agent_name: "echo",
      parent_session_id: "ses_0",
      execution_mode: "sync",
      additional_demands: demands,
    });
    expect(bodyOf(WANTED, callOf())).toEqual({
      type: "start_session",
      parameters: { prompt: "p" },
      execution_mode: "sync",
    });
  });

  test("takes the folder from the demands unless one is named; a resumed session has its own", () => {
    const demands = { project_dir: "/a" };
    expect(bodyOf(WANTED, callOf(demands))).toMatchObject({ project_dir: "/a" });
    expect(bodyOf({ ...WANTED, project_dir: "/b" }, callOf(demands))).toMatchObject({ project_dir: "/b" });
    const resumed = bodyOf({ ...WANTED, type: "resume_session", session_id: "ses_1" }, callOf(demands));
    expect(resumed).not.toHaveProperty("project_dir");
  });
});

test.each([
  [
    "completed",
    [
      MADE,
      ok({ status: "running" }),
      ok({ status: "completed" }),
      ok({ result_text: null, result_data: { a: 1 } }),
    ],
    { kind: "object", value: { session_id: "ses_1", result_text: "", result_data: { a: 1 } } },
  ],
  [
    "failed",
    [MADE, ok({ status: "failed", error: "boom" })],
    { kind: "failed", text: "session ses_1: the run failed: boom" },
  ],
  [
    "stopping, then stopped",
    [MADE, ok({ status: "stopping" }), ok({ status: "stopped" })],
    { kind: "failed", text: "session ses_1: the run was stopped" },
  ],
  [
    "never over",
    [MADE, ok({ status: "running" })],
    { kind: "failed", text: "session ses_1: the run is still running, and the time is over; it goes on" },
  ],
  [
    "refused",
    [{ kind: "refused", status: 400, text: "400: no" }],
    { kind: "failed", text: "the coordinator refused the run: 400: no" },
  ],
  [
    "lost",
    [{ kind: "away", carriedOut: "unknown", text: "502: x" }],
    { kind: "failed", text: expect.stringContaining("may have been started") },
  ],
  [
    "not sent",
    [{ kind: "away", carriedOut: "no", text: "503: x" }],
    { kind: "failed", text: expect.stringContaining("was not started") },
  ],
  ["nameless", [ok({})], { kind: "failed", text: expect.stringContaining("names no run") }],
] as [string, Answer[], object][])("a run that is %s", async (_, answers, expected) => {
  expect((await outcomeOf(answers)).outcome).toEqual(expected);
});

test("without waiting, the session's id is the answer, and nothing else is asked", async () => {
  const { outcome, asked } = await outcomeOf([MADE], { ...WANTED, mode: "async_poll" });
  expect(outcome).toEqual({ kind: "object", value: { session_id: "ses_1", status: "pending" } });
  expect(asked).toHaveLength(1);
});

test("a callback needs a parent, and too many parameters are not sent", async () => {
  const callback = await outcomeOf([MADE], { ...WANTED, mode: "async_callback" });
  expect(callback.outcome).toMatchObject({ kind: "failed" });
  const large = { prompt: "x".repeat(MOST_PARAMETERS) };
  const tooLarge = await outcomeOf([MADE], { ...WANTED, parameters: large });
  expect(tooLarge.outcome).toMatchObject({ kind: "failed" });
  expect([...callback.asked, ...tooLarge.asked]).toEqual([]);
});

test("a long result is cut, and says so", async () => {
  const long = "x".repeat(MOST_RESULT + 1);
  const { outcome } = await outcomeOf([MADE, ok({ status: "completed" }), ok({ result_text: long })]);
  const text = outcome.kind === "object" ? String(outcome.value["result_text"]) : "";
  expect(text.slice(0, MOST_RESULT)).toBe(long.slice(0, MOST_RESULT));
  expect(text.slice(MOST_RESULT)).toContain("cut");
});

test("looks go on until the tool's own time is over, and each is reported", async () => {
  const { asked, said } = await outcomeOf([MADE, ok({ status: "pending" }), ok({ status: "running" })]);
  expect(asked).toHaveLength(1 + 301); // one start, and one look each 2 s of 600 s, the first at once
  expect(new Set(said)).toEqual(new Set(["the run is pending", "the run is running"]));
});
